/// What a run keeps to. No one of these needs to be set.
struct SenderSettings: Sendable {
    /// Requests sent and not answered. The default is 128: with 100 ms to the receiver and back that is more than a
    /// thousand small files a second, and an upload that waits is only a name, a digest and a few numbers.
    var requestsInFlight = 128
    /// Bytes that wait for the socket. The default is 256 KiB: a signature is made when its head joins them and has to
    /// arrive within minutes, on a link of 16 kbit/s too.
    var mostUnsentBytes = 256 << 10
    /// Bytes of the next file that are hashed before the connection is looked after again. The default is 256 KiB.
    var hashedAtATime = 256 << 10
    /// For each address of the receiver. The default is 10 s.
    var connectTimeLimit: Duration = .seconds(10)
    /// The default is 30 s.
    var handshakeTimeLimit: Duration = .seconds(30)
    /// How long a connection may go without a byte taken or an answer completed. The default is 60 s.
    var inactivityTimeLimit: Duration = .seconds(60)
    /// What the receiver may take longer for a large file, to make it durable or to compare it with what it holds: bytes a
    /// second. The default is 4 MiB.
    var durableBytesASecond: Int64 = 4 << 20
    /// The pause after an answer that the receiver cannot take uploads now and that does not say until when. The default
    /// is 2 s.
    var pauseWithoutRetryAfter: Duration = .seconds(2)
    /// The longest pause that the receiver may ask for; the run ends at a longer one. The default is 60 s.
    var longestPause: Duration = .seconds(60)
    /// Such pauses in a row before the run gives up. The default is 3.
    var pausesInARow = 3
    /// Connections in a row that end without an answer before the run gives up. The default is 3.
    var barrenConnections = 3
    /// Times that the connection may break on one file before that file is left for the next run. The default is 3.
    var breaksOfOneFile = 3
    /// The pause before a new connection, doubled for each barren one. The default is 0.5 s.
    var pauseBeforeReconnecting: Duration = .milliseconds(500)
}
