import Dispatch
package import Files
import Glibc
import Synchronization
package import UploadProtocol

/// Reads everything that is stored again, and says what is not as it was received. Takes no lock and writes nothing: a
/// receiver may be at work beside it.
package final class StoreVerification: Sendable {
    private let root: Directory
    private let examination: Examination
    private let walk: Mutex<StoreWalk>
    private let summary = Mutex(VerificationSummary())
    private let bytes: ByteCount

    /// `certificates`: the folder of those that receivers ever used. `pi`: only what it sent. Throws if the store or the
    /// folder cannot be read.
    package init(of store: String, certificates: String, only pi: PiName? = nil) throws(SystemCallError) {
        let bytes = ByteCount()
        self.bytes = bytes
        root = Directory(try FileDescriptor(opening: store, O_RDONLY | O_DIRECTORY))
        if let pi { _ = try root.subdirectory(pi.text) }
        let kept = Directory(try FileDescriptor(opening: certificates, O_RDONLY | O_DIRECTORY))
        examination = Examination(
            certificates: KeptCertificates(in: kept), underWay: try UnderWay(in: root), progress: { bytes.add($0) })
        walk = Mutex(try StoreWalk(root: root, only: pi))
    }

    /// What it came to so far.
    package var progress: VerificationSummary {
        var summary = summary.withLock { $0 }
        summary.bytes = bytes.total
        return summary
    }

    /// Runs to the end, on all processors. `report`: called for each finding as it is made, by several threads.
    package func run(report: @Sendable (Finding) -> Void) -> VerificationSummary {
        DispatchQueue.concurrentPerform(iterations: sysconf(Int32(_SC_NPROCESSORS_ONLN))) { _ in
            while let step = walk.withLock({ $0.next() }) { take(step, report) }
        }
        return progress
    }

    private func take(_ step: StoreWalk.Step, _ report: (Finding) -> Void) {
        let outcome: Examination.Outcome =
            switch step {
            case .name(let name, let folder): examination.judge(name, in: folder)
            case .finding(let finding): .found(finding)
            case .notOurs: .notOurs
            }
        summary.withLock { $0.count(outcome) }
        if case .found(let finding) = outcome { report(finding) }
    }
}

extension VerificationSummary {
    fileprivate mutating func count(_ outcome: Examination.Outcome) {
        switch outcome {
        case .sound: sound += 1
        case .notOurs: notOurs += 1
        case .nothing: break
        case .found(let finding):
            switch finding.matter {
            case .fault: faults += 1
            case .unreadable: unreadable += 1
            case .underWay: underWay += 1
            }
        }
    }
}

private final class ByteCount: Sendable {
    private let count = Atomic<Int64>(0)

    var total: Int64 { count.load(ordering: .relaxed) }

    func add(_ more: Int) { count.add(Int64(more), ordering: .relaxed) }
}
