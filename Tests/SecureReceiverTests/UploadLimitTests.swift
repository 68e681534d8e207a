import Synchronization
import Testing

@testable import SecureReceiver

@Suite("The limit of uploads under way")
struct UploadLimitTests {
    @Test("is reached while as many are held, and wakes those that wait when one is let go")
    func wakes() {
        let limit = UploadLimit(2)
        let woken = Mutex(0)
        let first = limit.admit()
        var second: Admitted? = limit.admit()
        #expect(limit.isReached)
        for _ in 0..<2 { limit.whenThereIsRoom { woken.withLock { $0 += 1 } } }
        #expect(woken.withLock { $0 } == 0)
        second = nil
        #expect(woken.withLock { $0 } == 2)
        #expect(!limit.isReached)
        limit.whenThereIsRoom { woken.withLock { $0 += 1 } }
        #expect(woken.withLock { $0 } == 3)
        withExtendedLifetime((first, second)) {}
    }
}
