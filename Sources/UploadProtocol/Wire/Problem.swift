/// Every refusal of the protocol: one stable code, its status and its sentence (RFC 9457).
package enum Problem: String, CaseIterable, Sendable {
    case malformedRequest = "malformed-request"
    case invalidPath = "invalid-path"
    case reservedName = "reserved-name"
    case authenticationFailed = "authentication-failed"
    case clockSkew = "clock-skew"
    case identityMismatch = "identity-mismatch"
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case timeout = "timeout"
    case pathConflict = "path-conflict"
    case lengthRequired = "length-required"
    case tooLarge = "too-large"
    case contentCoding = "content-coding"
    case expectationFailed = "expectation-failed"
    case digestMismatch = "digest-mismatch"
    case tooManyRequests = "too-many-requests"
    case headerTooLarge = "header-too-large"
    case storageFailed = "storage-failed"
    case draining = "draining"
    case insufficientStorage = "insufficient-storage"

    package var code: String { rawValue }

    package var type: String { "urn:secure-upload:problem:\(rawValue)" }

    package var status: Int {
        switch self {
        case .malformedRequest, .invalidPath, .reservedName: 400
        case .authenticationFailed, .clockSkew: 401
        case .identityMismatch: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .timeout: 408
        case .pathConflict: 409
        case .lengthRequired: 411
        case .tooLarge: 413
        case .contentCoding: 415
        case .expectationFailed: 417
        case .digestMismatch: 422
        case .tooManyRequests: 429
        case .headerTooLarge: 431
        case .storageFailed: 500
        case .draining: 503
        case .insufficientStorage: 507
        }
    }

    package var title: String {
        switch self {
        case .malformedRequest: "The request is not well formed"
        case .invalidPath: "The path cannot be stored"
        case .reservedName: "The name is reserved"
        case .authenticationFailed: "The request's signature is not valid"
        case .clockSkew: "The signature was created too long ago or in the future"
        case .identityMismatch: "The signature's keyid is not the name in the client certificate"
        case .notFound: "There is no such resource"
        case .methodNotAllowed: "The resource does not take this method"
        case .timeout: "The request took too long"
        case .pathConflict: "A file stands where the path needs a folder, or a folder where it needs a file"
        case .lengthRequired: "The request needs a Content-Length"
        case .tooLarge: "The file is larger than this receiver takes"
        case .contentCoding: "Content codings are not taken"
        case .expectationFailed: "The only expectation that is met is 100-continue"
        case .digestMismatch: "The body is not the one that was signed"
        case .tooManyRequests: "The receiver takes no more at the moment"
        case .headerTooLarge: "The request's header is too large"
        case .storageFailed: "The file could not be stored"
        case .draining: "The receiver is shutting down"
        case .insufficientStorage: "The receiver has not enough free space"
        }
    }
}
