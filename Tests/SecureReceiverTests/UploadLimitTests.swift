import Synchronization
import Testing
import UploadProtocol

@testable import SecureReceiver

@Suite("The limit of uploads under way")
struct UploadLimitTests {
    private let one = PiName("pi-01")!
    private let two = PiName("pi-02")!

    @Test("is reached for a Pi that holds as many as are free, and wakes those that wait when one is let go")
    func wakes() {
        let limit = UploadLimit(4)
        let woken = Mutex(0)
        let first = limit.admit(one)
        var second = limit.admit(one)
        #expect(first != nil && second != nil)
        #expect(limit.isReached(for: one))
        #expect(limit.admit(one) == nil)
        for _ in 0..<2 { limit.whenThereIsRoom(for: one) { woken.withLock { $0 += 1 } } }
        #expect(woken.withLock { $0 } == 0)
        second = nil
        #expect(woken.withLock { $0 } == 2)
        #expect(!limit.isReached(for: one))
        limit.whenThereIsRoom(for: one) { woken.withLock { $0 += 1 } }
        #expect(woken.withLock { $0 } == 3)
        withExtendedLifetime((first, second)) {}
    }

    @Test("leaves room for a Pi that comes later, however many the others hold")
    func isFair() {
        let limit = UploadLimit(64)
        var held: [Admitted] = []
        for number in 1...5 {
            let pi = PiName("pi-\(number)")!
            #expect(!limit.isReached(for: pi))
            while let room = limit.admit(pi) { held.append(room) }
            #expect(limit.isReached(for: pi))
        }
        #expect(!limit.isReached(for: PiName("late")!))
        withExtendedLifetime(held) {}
    }

    @Test("wakes only who has room now")
    func wakesSome() {
        let limit = UploadLimit(3)
        let woken = Mutex<[String]>([])
        var held = [limit.admit(one), limit.admit(one), limit.admit(two)]
        for pi in [one, two] { limit.whenThereIsRoom(for: pi) { woken.withLock { $0.append(pi.text) } } }
        held.removeFirst()
        #expect(woken.withLock { $0 } == [])
        held.removeFirst()
        #expect(woken.withLock { $0.sorted() } == ["pi-01", "pi-02"])
        withExtendedLifetime(held) {}
    }
}
