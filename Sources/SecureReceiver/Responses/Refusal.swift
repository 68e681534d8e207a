import UploadProtocol

/// Why a request is not carried out: an entry of the protocol's table, and what it was in this case.
struct Refusal: Error, Hashable, Sendable {
    let problem: Problem
    /// For the person at the other end. It says nothing that an unauthenticated client should not learn.
    let detail: String
    /// The methods that the resource takes, for 405.
    let allowedMethods: [String]

    init(_ problem: Problem, _ detail: String, allowedMethods: [String] = []) {
        self.problem = problem
        self.detail = detail
        self.allowedMethods = allowedMethods
    }
}
