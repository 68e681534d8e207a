import Foundation
import Synchronization
import TestSupport
import Testing
import UploadProtocol
import UploadStore

@Suite("A verification beside a receiver, or after its crash")
struct VerificationBesideReceiverTests {
    @Test(
        "reports nothing at any step of a commit, before the next start or after it", arguments: CrashTests.features)
    func atAnyStep(features: SystemFeatures) throws {
        let folder = try TemporaryFolder()
        let images = try CrashImages(of: folder("received_files"))
        let lab = try StoreFixture(in: folder, features: features, observe: images.observe)
        for content in ["zero", "one", "two"] { try lab.put(content.utf8, CrashTests.path) }
        #expect(images.all.count == 3 + 2 * CrashTests.replacementSteps.count)
        for image in images.all {
            let (before, summary) = try lab.verify(in: image.root)
            #expect(before.allSatisfy { $0.hasPrefix("under way: ") }, "\(image.step): \(before)")
            #expect(summary.faults == 0)
            _ = try UploadStore(opening: image.root)
            #expect(try lab.findings(in: image.root) == [], "\(image.step)")
        }
    }

    @Test(
        "finds a file that was removed after it was acknowledged, also when a crash followed",
        arguments: CrashTests.features)
    func removed(features: SystemFeatures) throws {
        let lab = try StoreFixture(features: features)
        try lab.put("one".utf8, "a")
        unlink("\(lab.root)/pi-01/a")
        #expect(try lab.findings() == ["file-missing: pi-01/a"])
        let images = try CrashImages(of: lab.root)
        images.observe(.intentRemoved)
        let crashed = try #require(images.all.first?.root)
        _ = try UploadStore(opening: crashed)
        #expect(try lab.findings(in: crashed) == ["file-missing: pi-01/a"])
    }

    @Test("reports nothing while new files come and others are replaced")
    func live() throws {
        let lab = try StoreFixture()
        let writers = 3
        let rounds = 30
        let atWork = Atomic(writers)
        let found = Findings()
        let outcomes = Outcomes()
        DispatchQueue.concurrentPerform(iterations: writers + 1) { number in
            guard number > 0 else {
                repeat {
                    for finding in (try? lab.findings()) ?? ["none made"] { found.add(finding) }
                } while atWork.load(ordering: .relaxed) > 0
                return
            }
            for round in 0..<rounds {
                outcomes.add(Result { try lab.put("\(round)".utf8, "\(number)/same") })
                outcomes.add(Result { try lab.put("\(round)".utf8, "\(number)/\(round)") })
            }
            atWork.subtract(1, ordering: .relaxed)
        }
        for outcome in outcomes.all { _ = try outcome.get() }
        #expect(found.all.filter { !$0.hasPrefix("under way: ") } == [])
        #expect(try lab.verify().summary.sound == writers * rounds * 2)
    }
}
