import OpenSSL

/// A file on its way to the receiver.
struct Upload: Hashable, Sendable {
    let file: OutgoingFile
    /// Whether it was hashed again because something else had arrived.
    var isSecondTry = false
    /// Whether it was sent again after the receiver had refused its signature's time.
    var isTimeCorrected = false
    /// Whether a connection ended while it was on its way whole: some of it, or all, may have come.
    var wasCut = false
    /// How often the receiver could not write it.
    var timesUnwritten = 0
    /// How often in a row the connection broke while the receiver owed its answer before all others.
    var breaks = 0
}

/// Consecutive bytes of a file that go with one request.
struct FilePart: Hashable, Sendable {
    /// Bytes of the file before it.
    let offset: Int64
    /// Bytes.
    let size: Int64
    let digest: SHA256Digest
    let isLast: Bool

    var end: Int64 { offset + size }
}

/// A request and the file that it is about; its answer is still to come.
struct Exchange: Hashable, Sendable {
    enum Request: Hashable, Sendable {
        /// The whole file.
        case put
        /// Asks how far the file has got, and begins it if nothing has come.
        case announce
        case part(FilePart)
    }

    let upload: Upload
    let request: Request
    let begun: Uptime

    var file: OutgoingFile { upload.file }

    /// Bytes.
    var bodySize: Int64 {
        switch request {
        case .put: file.size
        case .announce: 0
        case .part(let part): part.size
        }
    }

    var bodyDigest: SHA256Digest {
        switch request {
        case .put: file.digest
        case .announce: .ofNothing
        case .part(let part): part.digest
        }
    }
}
