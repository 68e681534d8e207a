import CLinux
import Files
import Glibc
import UploadProtocol

/// Tells when something may have come into a folder or those below (inotify(7)). What it was, a look has to find out: an
/// event can be lost where many come, and a new folder can have files before it is watched.
final class FolderWatch {
    let descriptor: FileDescriptor
    /// Whether a folder could not be added: the kernel grants each user so many (/proc/sys/fs/inotify/max_user_watches).
    private(set) var isIncomplete = false

    /// `nil` if the kernel grants none.
    init?() {
        let number = linux_watch_open()
        guard number >= 0 else { return nil }
        descriptor = FileDescriptor(takingOwnershipOf: number, path: "changes")
    }

    /// To be called before the folder is read, so that nothing falls between; adding one twice is no mistake.
    func add(_ folder: Folder) {
        if linux_watch_add(descriptor.number, folder.descriptor.number) < 0 { isIncomplete = true }
    }

    /// Takes what was told so far; whether any of it may be of a file to be sent.
    func takeChanges() -> Bool {
        var hasChanges = false
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = read(descriptor.number, &buffer, buffer.count)
            guard count > 0 else { return hasChanges }
            buffer.withUnsafeBytes { bytes in
                var rest = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                while !rest.isEmpty { hasChanges = Self.takeEvent(&rest) || hasChanges }
            }
        }
    }

    /// One event and the name behind it (inotify(7), struct inotify_event).
    private static func takeEvent(_ bytes: inout UnsafeRawBufferPointer) -> Bool {
        let event = bytes.loadUnaligned(as: inotify_event.self)
        let head = MemoryLayout<inotify_event>.size
        let name = bytes[head..<head + Int(event.len)].prefix { $0 != 0 }
        bytes = UnsafeRawBufferPointer(rebasing: bytes[(head + Int(event.len))...])
        // A folder that is no longer watched, which follows its end.
        if event.mask & UInt32(IN_IGNORED) != 0 { return false }
        return name.first != UInt8(ascii: ".") && !UploadPath.isReceiptName(String(decoding: name, as: UTF8.self))
    }
}
