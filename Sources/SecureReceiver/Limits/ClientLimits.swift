import NIOCore
import UploadStore

/// How long clients may take, and how much of the receiver each may have. `docs/limits.md` has the reasons.
struct ClientLimits: Sendable {
    /// For the TLS handshake. The default is 10 s.
    var handshakeTime = TimeAmount.seconds(10)
    /// From the first byte of a request's head to its last. Also the patience with whoever has not shown a good signature.
    /// The default is 10 s.
    var headTime = TimeAmount.seconds(10)
    /// Without a request. The default is 120 s.
    var idleTime = TimeAmount.seconds(120)
    /// Bytes a second that an upload has to bring on average over each `bodyWindow`; 0 for no limit. The default is 1 KiB.
    var bodyRate = 1024
    /// The default is 30 s: an access point that starts again takes about so long.
    var bodyWindow = TimeAmount.seconds(30)
    /// Requests of one connection that are worked at before it is read further. The default is 256.
    var requestsInFlight = 256
    /// Of all together. The default is 512; the command takes what its descriptors allow.
    var connections = 512
    /// Of these, how many may be without a finished handshake. The default is 128; the command takes a quarter.
    var handshakes = 128
    /// The default is 16.
    var connectionsPerPi = 16
    /// How old an unfinished handshake may be while others wait. The default is 2 s: an honest one needs a second, over a bad
    /// link too.
    var handshakePatience = TimeAmount.seconds(2)
    /// How long a connection with something under way, or that has not asked yet, may say nothing while another one needs its
    /// place. The default is 5 s.
    var silence = TimeAmount.seconds(5)
    /// The default is no limit: a station may have weeks to catch up.
    var filesPerDay: Int64?
    /// The default is no limit.
    var bytesPerDay: Int64?
    /// What uploads leave free on the store's file system. The default is 5 %.
    var keptFree = KeptFree.percent(5)
}
