import HTTPTypes
import UploadProtocol

/// Why a request is not carried out: an entry of the protocol's table, and what it was in this case.
struct Refusal: Error, Hashable, Sendable {
    let problem: Problem
    /// For the person at the other end. It says nothing that an unauthenticated client should not learn.
    let detail: String
    /// The methods that the resource takes, for 405.
    let allowedMethods: [String]
    /// Seconds, for 429 and 503.
    let retryAfter: Int64
    /// What the answer says beside.
    let fields: HTTPFields

    init(
        _ problem: Problem, _ detail: String, allowedMethods: [String] = [], retryAfter: Int64 = 5,
        fields: HTTPFields = [:]
    ) {
        self.problem = problem
        self.detail = detail
        self.allowedMethods = allowedMethods
        self.retryAfter = retryAfter
        self.fields = fields
    }

    /// After a malformed head nobody knows where the next one begins. (And a client that waits for 100 may or may not send its
    /// body after another answer, RFC 9110, section 10.1.1.)
    var closesConnection: Bool { problem == .malformedRequest || problem == .draining }
}
