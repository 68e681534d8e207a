/// What `check` looks at, in this order.
enum CheckStep: String, CaseIterable, Sendable {
    /// If there is a file of settings.
    case configuration
    case identity
    case folder
    case sentFiles = "sent-files"
    /// The Pi's own.
    case certificate
    /// That the name stands for one.
    case address
    case connection
    /// That it is the one that the Pi trusts.
    case receiver
    /// That the receiver takes the Pi's certificate.
    case acceptance
    case signature
    case clock
    case room
}

struct CheckFinding: Hashable, Sendable {
    enum Outcome: String, Sendable {
        case ok
        /// A run goes on all the same.
        case warning
        /// Why is said by the failure that ends the check.
        case failed
    }

    let step: CheckStep
    let outcome: Outcome
    let words: String
    let hint: String?

    init(_ step: CheckStep, _ outcome: Outcome, _ words: String, hint: String? = nil) {
        self.step = step
        self.outcome = outcome
        self.words = words
        self.hint = hint
    }
}
