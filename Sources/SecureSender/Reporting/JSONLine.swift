import CommandSupport
import FoundationEssentials

/// One event for programs. Fields that an event does not have are left out.
struct JSONLine: Encodable, Hashable {
    let event: String
    /// RFC 3339, by this Pi's clock, which may be wrong.
    var time: String?
    var path: String?
    /// Bytes.
    var size: Int64?
    var sha256: String?
    var result: String?
    /// RFC 3339, by the receiver's clock.
    var received: String?
    var keptAs: String?
    var files: Int?
    var bytes: Int64?
    var sent: Int?
    var waiting: Int?
    var seconds: Double?
    var receiver: String?
    var pi: String?
    var folder: String?
    var cipherSuite: String?
    var holder: String?
    var ends: String?
    var message: String?
    var reason: String?
    var hint: String?
    var status: Int32?
    var step: String?
    var outcome: String?

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case event, time, path, size, sha256, result, received
        case keptAs = "kept-as"
        case files, bytes, sent, waiting, seconds, receiver, pi, folder
        case cipherSuite = "cipher-suite"
        case holder, ends, message, reason, hint, status, step, outcome
    }

    init(_ event: String, _ fill: (inout JSONLine) -> Void = { _ in }) {
        self.event = event
        fill(&self)
    }

    init(_ event: String, _ failure: CommandFailure) {
        self.event = event
        (message, reason, hint) = (failure.message, failure.reason, failure.hint)
    }

    /// ASCII where a terminal could be led astray: in a string, `\u202e` is the same to a program.
    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { preconditionFailure("strings and numbers are always JSON") }
        return String(decoding: data, as: UTF8.self).unicodeScalars.reduce(into: "") { result, scalar in
            if CommandOutput.isHostile(scalar) {
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }
}
