package import Files

/// Something in the store that people should know of.
package struct Finding: Hashable, Sendable {
    package enum Matter: Hashable, Sendable {
        case fault(Fault)
        case unreadable(SystemCallError)
        /// Being stored at this moment; or cut off by a crash, and then the receiver's next start puts it right.
        case underWay
    }

    /// Below the store. Bytes that are not UTF-8 are written `\xff`.
    package let path: String
    package let matter: Matter
}

/// What a verification came to.
package struct VerificationSummary: Hashable, Sendable {
    /// Files, earlier versions among them, that are what was received.
    package internal(set) var sound = 0
    /// Bytes that were read of all files.
    package internal(set) var bytes: Int64 = 0
    package internal(set) var faults = 0
    package internal(set) var unreadable = 0
    package internal(set) var underWay = 0
    /// Files of others, such as those of an older system, which were left alone. A hidden folder counts once.
    package internal(set) var notOurs = 0
}

/// A name for messages: bytes that are not UTF-8 escaped.
func readable(_ name: [UInt8]) -> String {
    if let text = String(validating: name, as: UTF8.self) { return text }
    return name.map { byte in
        (0x20..<0x7f).contains(byte) && byte != UInt8(ascii: "\\")
            ? String(UnicodeScalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
}
