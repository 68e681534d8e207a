/// How many uploads may be under way. What was under way when a connection breaks is sent twice; so after a break it starts
/// with one and grows as TCP's congestion window does (RFC 5681, section 3.1), first with each answer, then with each
/// windowful.
struct Window: Hashable, Sendable {
    private(set) var size: Int
    private let most: Int
    /// Up to here it grows with each answer.
    private var threshold: Int
    private var answersAtThisSize = 0

    init(most: Int, isCautious: Bool) {
        self.most = most
        threshold = most
        size = isCautious ? 1 : most
    }

    mutating func grow() {
        guard size < most else { return }
        answersAtThisSize += 1
        guard size < threshold || answersAtThisSize >= size else { return }
        size += 1
        answersAtThisSize = 0
    }

    /// `answers`: those that came before the connection broke; a quarter of them is what is risked again.
    mutating func shrink(answers: Int) {
        threshold = min(most, max(1, answers / 4))
        size = 1
        answersAtThisSize = 0
    }
}
