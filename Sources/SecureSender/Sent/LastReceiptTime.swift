import Files
import UploadProtocol

/// The time of the last receipt, kept in the sent folder for a start without a clock.
struct LastReceiptTime {
    static let fileName = ".last-receipt"

    let folder: String

    private var path: String { "\(folder)/\(Self.fileName)" }

    /// Seconds since 1970; `nil` if nothing readable is there, which costs no more than an exchange with the receiver.
    func load() -> Int64? {
        guard let bytes = try? readFile(path, limit: 64) else { return nil }
        return HTTPDate.parse(String(decoding: bytes.filter { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    /// `certificateEnd`: of the receiver's certificate. A time beyond would lock out every receiver from then on.
    func remember(_ time: Int64, certificateEnd: Int64) {
        guard time <= certificateEnd else { return }
        // Without it the next start without a clock only asks the receiver first.
        guard let root = try? Folder(opening: folder), let lock = try? root.lockIfFree() else { return }
        defer { withExtendedLifetime(lock) {} }
        try? root.replace(Self.fileName, Array("\(HTTPDate.format(time))\n".utf8))
    }
}
