import Glibc

/// A thread for calls that wait for the disk, or for name servers. Not a Task: these have as many threads as there are processors, and a Pi may
/// have one.
struct BackgroundThread {
    private final class Body {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    private let thread: pthread_t

    /// `nil` if the system gives none.
    init?(_ body: @escaping @Sendable () -> Void) {
        let body = Unmanaged.passRetained(Body(body))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, body.toOpaque())
        guard result == 0 else {
            body.release()
            return nil
        }
        self.thread = thread
    }

    /// Waits for its end; this or `detach` is to be called once.
    func join() {
        pthread_join(thread, nil)
    }

    /// Nobody waits for its end.
    func detach() {
        pthread_detach(thread)
    }
}
