import UploadProtocol

/// What a run keeps to. No one of these needs to be set.
struct SenderSettings: Sendable {
    // MARK: How much at once

    /// Requests sent and not answered. The default is 256, what the receiver works at: with 100 ms to the receiver and
    /// back that is more than two thousand small files a second, and an upload that waits is only a name, a digest and a few numbers.
    var requestsInFlight = 256
    /// Bytes of bodies sent and not answered. The default is 16 MiB: a gigabit a second over 100 ms.
    var bytesInFlight: Int64 = 16 << 20
    /// Bytes that wait for the socket. The default is 128 KiB: a signature is made when its head joins them and has to
    /// arrive within minutes, on a link of 16 kbit/s too.
    var mostUnsentBytes = 128 << 10
    /// Files that the receiver has and that are still to be moved, beyond which no more are sent. The default is 512: a second's, of
    /// a slow card. Without power they are sent again.
    var mostUnmoved = 512
    /// Bytes of the next file that are hashed before the connection is looked after again. The default is 256 KiB.
    var hashedAtATime = 256 << 10
    /// Bytes a second that go out; `nil`, the default: as many as the network takes.
    var rateLimit: Int64?

    // MARK: Large files

    /// Files of more bytes go in parts. The default is 4 MiB: smaller ones hold up the others less than the question how far
    /// they got.
    var inPartsAbove = ResumableUpload.defaultThreshold
    /// Of files of more bytes the receiver keeps what came when a connection breaks: they are asked after before they are sent
    /// again. The default is 64 KiB.
    var keptAbove = ResumableUpload.defaultKeptAbove
    /// Bytes of a part. The default is 64 KiB to 8 MiB: each part costs a kilobyte of head and answer and two syncs of the
    /// receiver's disk.
    var partSizes: ClosedRange<Int64> = 64 << 10...8 << 20
    /// How long the network is to be busy with one part, within these sizes. The default is 1 s: so long other files wait.
    var partTime: Duration = .seconds(1)
    /// Parts of one file sent and not answered. The default is 2: one is on its way while the other is made durable.
    var partsInFlight = 2
    /// Large files on their way at once. The default is 2, so that one that takes days does not hold up another.
    var largeFilesAtOnce = 2

    // MARK: Order

    /// Every so many files the newest is sent instead of the oldest; 0: never. The default is 8.
    var newestEvery = 8

    /// How long files are sent before a change in the folder has it looked at again while a large file is on its way: each
    /// look costs a new connection. The default is 10 s; at least the quiet time.
    var shortestLook: Duration = .seconds(10)

    // MARK: Patience

    /// How often whoever watches is told that we wait: so often that each second has its word.
    static let wordInterval: Duration = .milliseconds(800)

    /// For each address of the receiver. The default is 10 s.
    var connectTimeLimit: Duration = .seconds(10)
    /// The default is 30 s.
    var handshakeTimeLimit: Duration = .seconds(30)
    /// How long a connection may go without a byte taken or an answer completed. The default is 60 s.
    var inactivityTimeLimit: Duration = .seconds(60)
    /// What the receiver may take longer for a large file, to make it durable or to compare it with what it holds: bytes a
    /// second. The default is 16 MiB.
    var durableBytesASecond: Int64 = 16 << 20
    /// How long a run goes on that gets nothing through, pauses included; `nil`: for ever. The default is 5 minutes: longer
    /// than a router or a receiver takes to start, and the next run finds the files where they are.
    var giveUpAfter: Duration? = .seconds(300)
    /// The same, if it is not for ever, for a run that has not reached the receiver at all, and was not turned away either. The default is 30 s: of
    /// 100 handshakes through a network that loses a fifth, 99 are done by then.
    var giveUpUnreachedAfter: Duration = .seconds(30)
    /// How long what is under way may take when somebody wants us to end. The default is 2 s: what is not answered by then is
    /// sent again, and a computer that shuts down waits for us.
    var patienceAtEnd: Duration = .seconds(2)
    /// The first and the longest pause before the next connection, or after an answer that the receiver cannot take
    /// anything and that does not say until when; each pause is of a random length up to twice the last one's limit. The
    /// defaults are 1 s and 30 s.
    var shortestBackoff: Duration = .seconds(1)
    var longestBackoff: Duration = .seconds(30)
    /// Times in a row that the connection may break on one file, without a byte of it gained, before that file is left for
    /// the next run. The default is 6.
    var breaksOfOneFile = 6
    /// Times that the receiver may say it could not write a file, before that file is left for the next run. The default is 3:
    /// it is sent after all others, which is often much later.
    var writesOfOneFile = 3
    /// How long before a certificate's end it is told. The default is 30 days.
    var certificateWarning: Duration = .seconds(30 * 86_400)
}

extension SenderSettings {
    /// Sets the run's patience, beyond which no single step of a connection is waited for either.
    mutating func giveUp(after patience: Duration) {
        giveUpAfter = patience
        giveUpUnreachedAfter = min(giveUpUnreachedAfter, patience)
        connectTimeLimit = min(connectTimeLimit, patience)
        handshakeTimeLimit = min(handshakeTimeLimit, patience)
    }
}
