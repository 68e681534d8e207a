package import Files
import Glibc

/// Why an upload was not stored, or a store not opened.
package enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Something that is not ours to replace stands where the path needs a folder or a file.
    case pathConflict(PathConflict)
    /// Bytes. `free`: what is left after what other uploads under way have been promised; `nil` if the disk itself
    /// said that it, or the quota, is full.
    case insufficientSpace(needed: Int64, free: Int64?)
    /// More bytes were written than the upload was begun with.
    case longerThanAnnounced(Int64)
    /// The upload was committed before its last byte and `finish()`.
    case incomplete(received: Int64, size: Int64)
    /// Something that is not ours has the name of a folder or file that the store keeps for itself.
    case obstructed(PathConflict)
    /// Another receiver has this store open.
    case inUse(String)
    case failed(SystemCallError)

    init(_ error: SystemCallError, needed: Int64 = 0) {
        // To open a file under a lease without waiting gives that code as well (fcntl(2)).
        if error.code == EWOULDBLOCK, error.operation == Notes.lockOperation {
            self = .inUse(error.path)
            return
        }
        if let obstacle = Notes.obstacle(error) {
            self = .obstructed(obstacle)
            return
        }
        self = isFull(error.code) ? .insufficientSpace(needed: needed, free: nil) : .failed(error)
    }

    /// Our own functions throw these two and nothing else.
    init(any error: any Error, needed: Int64 = 0) {
        switch error {
        case let error as StoreError: self = error
        case let error as SystemCallError: self.init(error, needed: needed)
        default: preconditionFailure("an error that the store does not know: \(error)")
        }
    }

    package var description: String {
        switch self {
        case .pathConflict(let conflict): conflict.description
        case .insufficientSpace(let needed, let free?): "\(needed) bytes are needed and \(free) are free"
        case .insufficientSpace(_, nil): "the disk or its quota is full"
        case .longerThanAnnounced(let size): "more bytes came than the \(size) that were announced"
        case .incomplete(let received, let size): "only \(received) of \(size) bytes came"
        case .obstructed(let obstacle):
            "\(obstacle.path) is not the \(obstacle.wanted) that the receiver keeps there; move it away, and it is made anew"
        case .inUse(let path): "another receiver has \(path) open; stop it, or give each its own store"
        case .failed(let error): error.description
        }
    }
}

package struct PathConflict: Hashable, Sendable, CustomStringConvertible {
    package enum Wanted: Hashable, Sendable { case folder, file }

    /// What stands in the way.
    package let path: String
    package let wanted: Wanted

    package init(path: String, wanted: Wanted) {
        self.path = path
        self.wanted = wanted
    }

    package var description: String {
        switch wanted {
        case .folder: "\(path) is not a folder; move it away, or send under another name"
        case .file: "\(path) is not a regular file; move it away, or send under another name"
        }
    }
}

/// errno(3) of a full disk or quota.
private func isFull(_ code: Int32) -> Bool { code == ENOSPC || code == EDQUOT }
