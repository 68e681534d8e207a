import UploadProtocol
import UploadStore

/// Everything that a receiver is told, with the defaults that fit the folder where `provision` ran.
struct ReceiverConfiguration: Sendable {
    /// PEM: the certificate, its chain, and the private key unless `key` names another file.
    var certificate: String
    /// PEM. The default is the file of the certificate.
    var key: String?
    /// PEM, one or more roots. The default is `ca.pem` beside the certificate.
    var roots: String
    /// The default is `ids.txt`.
    var identifiers = "ids.txt"
    /// The default is `received_files`.
    var store = "received_files"
    /// An address. The default is every address, IPv6 and IPv4.
    var address: String?
    /// 0 takes a free one. The default is 3500.
    var port = 3500
    /// A descriptor that listens already, in place of address and port. The default is none.
    var inheritedSocket: Int32?
    /// Bytes; the default is no limit but free space.
    var largestFile: Int64?
    /// Seconds by which a signature's time may differ from the clock here. The default is 300.
    var clockTolerance: Int64 = 300
    /// What clients may take of time and room.
    var limits = ClientLimits()
    /// Uploads of all connections, each with a file open. The default is 256, a quarter of the usual limit of descriptors; the
    /// command takes a quarter of the limit that there is. What a connection has already read when the number is reached
    /// comes on top.
    var uploadsUnderWay = 256
    /// Threads that sync files: the file system groups the syncs that wait at the same time. The default is 16; the command takes
    /// 64, or fewer where the limit of descriptors is low.
    var syncThreads = 16
    /// Seconds for which a stopping receiver waits for what is under way. The default is 30.
    var drainSeconds: Int64 = 30

    /// Bytes above which a `PUT` that is cut off can be gone on with in parts. The default is 64 KiB.
    var resumableAbove = ResumableUpload.defaultKeptAbove
    /// Of uploads that wait for their next part. The default is 64 a Pi, each for 7 days.
    var partials = PartialLimits()

    init(certificate: String) {
        self.certificate = certificate
        let folder = certificate.lastIndex(of: "/").map { certificate[...$0] } ?? ""
        roots = "\(folder)ca.pem"
    }
}
