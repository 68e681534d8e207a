import Files
import UploadProtocol

/// One file of a batch on its way.
struct Move {
    enum Obstacle: Error {
        case changed
        case failed(SystemCallError)
    }

    /// With 4, the syncs of 256 receipts take a quarter of the time on an SSD; more help no further.
    static let syncThreads = 4

    let acknowledged: AcknowledgedFile
    /// Where it is and where it goes, and its name there; set with its receipt, and unset once it goes no further.
    var source: Folder?
    var target: Folder?
    var name = ""
    var receipt: NamelessFile?
    /// Whether it goes to another file system: first as a copy, whose original is removed once the copy is durable.
    var isCopied = false
    /// Whether the note tells of it.
    var isNoted = false
    var outcome = MoveOutcome.changed

    init(_ acknowledged: AcknowledgedFile) {
        self.acknowledged = acknowledged
    }

    var file: OutgoingFile { acknowledged.file }
    var isLeftHalfDone: Bool { if case .failed = outcome { isNoted } else { false } }

    var receiptName: String { name + UploadPath.receiptSuffix }

    mutating func fail(_ obstacle: Obstacle) {
        (source, target, receipt) = (nil, nil, nil)
        switch obstacle {
        case .changed: outcome = .changed
        case .failed(let error): outcome = .failed(error)
        }
    }

    mutating func succeed() {
        outcome = .moved(as: (file.path.segments.dropLast() + [name]).joined(separator: "/"))
    }
}

extension [Move] {
    mutating func attemptEach(_ step: (inout Move) throws(Move.Obstacle) -> Void) {
        for index in indices {
            do throws(Move.Obstacle) { try step(&self[index]) } catch { self[index].fail(error) }
        }
    }

    /// Makes one step for all that go on, if any do; where it fails none of them goes further.
    @discardableResult
    mutating func attemptTogether<Result>(_ step: ([Move]) throws(SystemCallError) -> Result) -> Result? {
        let going = filter { $0.target != nil }
        guard !going.isEmpty else { return nil }
        do throws(SystemCallError) { return try step(going) } catch {
            for index in indices where self[index].target != nil {
                self[index].receipt?.discard()
                self[index].fail(.failed(error))
            }
            return nil
        }
    }

    /// Makes the receipts durable, which nobody sees yet.
    mutating func synchronizeReceipts() {
        let receipts = map(\.receipt)
        let failed = failedCalls(of: count, threads: Move.syncThreads) { (index) throws(SystemCallError) in
            try receipts[index]?.synchronize()
        }
        for (index, error) in failed {
            receipts[index]?.discard()
            self[index].fail(.failed(error))
        }
    }

    /// Syncs each folder once; where that fails, nothing in it counts as moved.
    mutating func synchronize(_ folder: WritableKeyPath<Move, Folder?>) {
        var results: [[UInt8]: Result<Void, SystemCallError>] = [:]
        for index in indices {
            guard let wanted = self[index][keyPath: folder] else { continue }
            let key = [UInt8](wanted.path.utf8)
            let result = results[key] ?? wanted.synchronization()
            results[key] = result
            if case .failure(let error) = result { self[index].fail(.failed(error)) }
        }
    }
}

extension Folder {
    fileprivate func synchronization() -> Result<Void, SystemCallError> {
        do throws(SystemCallError) { return .success(try synchronize()) } catch { return .failure(error) }
    }
}

func failing<Result>(_ body: () throws(SystemCallError) -> Result) throws(Move.Obstacle) -> Result {
    do throws(SystemCallError) { return try body() } catch { throw .failed(error) }
}
