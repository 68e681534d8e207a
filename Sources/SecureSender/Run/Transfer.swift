/// How far a file has got that goes in parts. It knows neither sockets nor time.
///
/// The receiver alone knows what it holds. So a transfer begins with the question how far the file has got, and after
/// anything that it did not expect it waits until none of its requests is under way and begins there again.
struct Transfer {
    private enum State: Hashable {
        /// The receiver is to be asked.
        case unknown
        case asked
        case sending
        /// What is under way was sent in vain.
        case unsettled
    }

    private(set) var upload: Upload
    /// Bytes that the receiver holds for good, as far as it has said.
    private(set) var confirmed: Int64 = 0
    private var state = State.unknown
    /// Where the next part begins, if all that is under way arrives.
    private var begun: Int64 = 0
    private var hasBegunLast = false
    private(set) var underWay = 0
    /// Surprises in a row.
    private var surprises = 0

    /// More of them without a byte gained is no accident.
    static let mostSurprises = 4

    init(_ upload: Upload) {
        self.upload = upload
    }

    var file: OutgoingFile { upload.file }

    var wantsAnnouncement: Bool { state == .unknown && underWay == 0 }

    /// Where the next part begins; `nil` while that is not known, and when the last one is under way.
    var nextOffset: Int64? { state == .sending && !hasBegunLast ? begun : nil }

    var isEnding: Bool { state == .sending && hasBegunLast }

    mutating func begin(_ request: Exchange.Request) {
        underWay += 1
        switch request {
        case .put: break
        case .announce: state = .asked
        case .part(let part):
            begun = part.end
            hasBegunLast = part.isLast
        }
    }
}

// MARK: - Answers

extension Transfer {
    enum Step: Hashable {
        /// It goes on; the receiver holds so many bytes more than it ever said before.
        case goesOn(gained: Int64)
        /// It makes no sense to go on in this run.
        case stuck
    }

    /// The receiver says how far the file has got, to `request`.
    mutating func reached(_ offset: Int64, by request: Exchange.Request) -> Step {
        underWay -= 1
        switch (state, request) {
        case (.asked, .announce):
            return settle(at: offset)
        case (.sending, .part(let part)) where part.end == offset && !part.isLast:
            return gain(offset)
        default:
            return surprise(goOnAt: nil)
        }
    }

    /// The receiver waits for other bytes than `request` had.
    mutating func misplaced(goOnAt offset: Int64) -> Step {
        underWay -= 1
        return surprise(goOnAt: offset)
    }

    /// The receiver has no such upload, or not what was sent: it is to be asked again.
    mutating func lost() -> Step {
        underWay -= 1
        return surprise(goOnAt: nil)
    }

    /// The receiver takes nothing at the moment; what it holds stays.
    mutating func postponed() {
        underWay -= 1
        unsettle(goOnAt: nil)
    }

    /// Asks once more with a corrected time; false if that was tried already.
    mutating func retryWithCorrectedTime() -> Bool {
        postponed()
        defer { upload.isTimeCorrected = true }
        return !upload.isTimeCorrected
    }

    /// The connection ended. `isSuspect`: while the receiver owed an answer about this file. Returns how often in a row that
    /// was so.
    mutating func disconnected(isSuspect: Bool) -> Int {
        (state, underWay) = (.unknown, 0)
        if isSuspect { upload.breaks += 1 }
        return upload.breaks
    }

    private mutating func settle(at offset: Int64) -> Step {
        (begun, hasBegunLast, state) = (offset, false, .sending)
        return gain(offset)
    }

    private mutating func gain(_ offset: Int64) -> Step {
        let gained = offset - confirmed
        // What is lost at the receiver's is sent again, and is no progress a second time.
        guard gained > 0 else { return .goesOn(gained: 0) }
        confirmed = offset
        (surprises, upload.breaks, upload.isTimeCorrected) = (0, 0, false)
        return .goesOn(gained: gained)
    }

    private mutating func surprise(goOnAt offset: Int64?) -> Step {
        surprises += 1
        guard surprises <= Self.mostSurprises else { return .stuck }
        return unsettle(goOnAt: offset)
    }

    @discardableResult
    private mutating func unsettle(goOnAt offset: Int64?) -> Step {
        if underWay == 0, let offset { return settle(at: offset) }
        state = underWay == 0 ? .unknown : .unsettled
        return .goesOn(gained: 0)
    }
}
