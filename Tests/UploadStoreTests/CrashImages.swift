import Foundation
import Synchronization
import TestSupport
import UploadStore

/// Copies of a store, each as a process that ended after that step would have left it.
final class CrashImages: Sendable {
    struct Image: Sendable {
        let step: CommitStep
        let root: String
    }

    private let source: String
    private let folder: TemporaryFolder
    private let taken = Mutex<[Image]>([])

    init(of source: String) throws {
        self.source = source
        folder = try TemporaryFolder()
    }

    var observe: StepObserver {
        { [self] step in
            taken.withLock { images in
                let root = folder("\(images.count)")
                do {
                    try copyFolder(source, to: root)
                    images.append(Image(step: step, root: root))
                } catch {
                    // The tests count the images.
                }
            }
        }
    }

    var all: [Image] { taken.withLock { $0 } }
}

/// Names of one file stay names of one file.
func copyFolder(_ source: String, to target: String) throws {
    var copies: [UInt64: String] = [:]
    let manager = FileManager.default
    try manager.createDirectory(atPath: target, withIntermediateDirectories: false)
    let names = manager.enumerator(atPath: source)?.compactMap { $0 as? String } ?? []
    for name in names {
        let (from, to) = ("\(source)/\(name)", "\(target)/\(name)")
        let attributes = try manager.attributesOfItem(atPath: from)
        let number = (attributes[.systemFileNumber] as? NSNumber)?.uint64Value ?? 0
        if attributes[.type] as? FileAttributeType == .typeDirectory {
            try manager.createDirectory(atPath: to, withIntermediateDirectories: false)
        } else if let copy = copies[number] {
            try manager.linkItem(atPath: copy, toPath: to)
        } else {
            try Data(contentsOf: URL(fileURLWithPath: from)).write(to: URL(fileURLWithPath: to))
            copies[number] = to
        }
    }
}
