/// From which end of what waits the next file comes: the oldest first, but after weeks offline somebody wants to know at once
/// how the station is doing now.
struct UploadOrder: Hashable, Sendable {
    enum End: Hashable, Sendable { case oldest, newest }

    /// Every so many files one is the newest; 0: never.
    private let newestEvery: Int
    private var taken = 0

    init(newestEvery: Int) {
        self.newestEvery = newestEvery
    }

    mutating func next() -> End {
        taken += 1
        return newestEvery > 0 && taken.isMultiple(of: newestEvery) ? .newest : .oldest
    }
}
