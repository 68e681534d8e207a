import FoundationEssentials

/// What the receiver tells a Pi that asks how things stand: the answer to `GET /v1/status`.
package struct ReceiverStatus: Codable, Hashable, Sendable {
    package static let contentType = "application/json"

    /// Bytes that this Pi could send now: beyond what is kept free and what was promised to others.
    package let available: Int64
    /// Bytes of the largest file that is taken; `nil` if there is room for any.
    package let largest: Int64?
    /// RFC 3339, UTC.
    package let time: String

    /// `time`: seconds since 1970.
    package init(available: Int64, largest: Int64?, time: Int64) {
        self.available = available
        self.largest = largest
        self.time = HTTPDate.formatInternet(time)
    }

    /// On one line.
    package var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let data = try? encoder.encode(self) else { preconditionFailure("a string and numbers are always JSON") }
        return String(decoding: data, as: UTF8.self)
    }

    /// `nil` if `json` is no status: members that are missing, or a number of bytes below 0. Members that are not known
    /// are passed over.
    package init?(json: some StringProtocol) {
        guard let status = try? JSONDecoder().decode(ReceiverStatus.self, from: Data(json.utf8)),
            status.available >= 0, (status.largest ?? 0) >= 0
        else { return nil }
        self = status
    }
}
