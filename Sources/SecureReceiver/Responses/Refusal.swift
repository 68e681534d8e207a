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

    init(_ problem: Problem, _ detail: String, allowedMethods: [String] = [], retryAfter: Int64 = 5) {
        self.problem = problem
        self.detail = detail
        self.allowedMethods = allowedMethods
        self.retryAfter = retryAfter
    }
}
