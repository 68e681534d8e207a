import HTTPTypes
import UploadProtocol

extension Response {
    /// Says how far an upload in parts has come.
    func with(offset: Int64? = nil, isComplete: Bool) -> Response {
        var response = self
        if let offset { response.fields[.uploadOffset] = "\(offset)" }
        response.fields[.uploadComplete] = ResumableUpload.boolean(isComplete)
        return response
    }

    var isSuccess: Bool { (200...299).contains(status) }
}

extension Refusal {
    static let bodyMismatch = Refusal(.digestMismatch, "The body's SHA-256 is not the one in Content-Digest.")
    static let noLongerAwaited = Refusal(
        .tooManyRequests,
        "So large a stored file is not read for a connection that says nothing more; announce it again and keep that open."
    )
    static let wholeMismatch = Refusal(
        .digestMismatch, "The file's SHA-256 is not the one in Repr-Digest of its announcement; what came was dropped.")
}
