import Foundation
import TestSupport
import Testing

@testable import SecureReceiver

@Suite("The service manager")
struct ServiceManagerTests {
    @Test("is told of the start, of life, of a reload and of the stop", arguments: [false, true])
    func isTold(isAbstract: Bool) async throws {
        let notified = try NotifySocket(isAbstract: isAbstract)
        let (folder, _, _) = try RunningReceiver.deployment()
        let program = try Program(
            starting: "secure-receiver", ["--cert", "certs/server.pem", "--listen", "127.0.0.1", "--port", "0"],
            in: folder.path, environment: ["NOTIFY_SOCKET": notified.name, "WATCHDOG_USEC": "20000"])
        try await blocking {
            #expect(try notified.next("READY")["STATUS"]?.hasPrefix("0 connections, 0 uploads under way") == true)
            #expect(program.output.hasPrefix("Listening on https://127.0.0.1:"))
            for _ in 1...3 { #expect(try notified.next("WATCHDOG") == ["WATCHDOG": "1"]) }
            program.send(signal: SIGHUP)
            let reloading = try notified.next("RELOADING")
            // Of the clock that systemd compares it with.
            let microseconds = try #require(reloading["MONOTONIC_USEC"].flatMap { Int($0) })
            var now = timespec()
            clock_gettime(CLOCK_MONOTONIC, &now)
            #expect((1...now.tv_sec * 1_000_000 + now.tv_nsec / 1_000).contains(microseconds))
            #expect(try notified.next("READY")["READY"] == "1")
            try folder.write(Array("nonsense\n".utf8), to: "ids.txt")
            program.send(signal: SIGHUP)
            _ = try notified.next("RELOADING")
            #expect(try notified.next("READY")["STATUS"]?.hasSuffix("see the log: identifiers unusable") == true)
            _ = try notified.next("WATCHDOG")
            program.send(signal: SIGTERM)
            #expect(try notified.next("STOPPING")["STATUS"]?.hasPrefix("Ending what is under way") == true)
        }
        let outcome = try await program.outcome()
        #expect(outcome.exitCode == 0)
        #expect(outcome.errors.contains("identifiers reloaded"))
        #expect(outcome.errors.contains("credentials reloaded"))
    }

    @Test("is asked for patience while a start goes on, seldom, and not afterwards")
    func isAskedForPatience() async throws {
        let notified = try NotifySocket(isAbstract: true)
        let manager = try #require(ServiceManager(environment: { $0 == "NOTIFY_SOCKET" ? notified.name : nil }))
        for _ in 1...1000 { manager.isStillStarting() }
        manager.isReady(status: "")
        manager.isStillStarting()
        manager.isAlive()
        try await blocking {
            let patience = try #require(try notified.next("EXTEND_TIMEOUT_USEC")["EXTEND_TIMEOUT_USEC"])
            #expect(Int(patience) == 120_000_000)
            #expect(try notified.next()["READY"] == "1")
            #expect(try notified.next() == ["WATCHDOG": "1"])
        }
    }

    @Test("does not exist where the environment names no socket that can be told")
    func isOptional() {
        for name in [nil, "", "relative", "/\(String(repeating: "x", count: 108))", "vsock:2:1"] {
            #expect(ServiceManager(environment: { $0 == "NOTIFY_SOCKET" ? name : nil }) == nil)
        }
    }

    @Test("wants no sign of life that is meant of another process, or of none")
    func readsWatchdog() {
        func interval(_ variables: [String: String]) -> Duration? {
            ServiceManager(environment: { $0 == "NOTIFY_SOCKET" ? "/x" : variables[$0] })?.watchdogInterval
        }
        #expect(interval([:]) == nil)
        #expect(interval(["WATCHDOG_USEC": "x"]) == nil)
        #expect(interval(["WATCHDOG_USEC": "0"]) == nil)
        #expect(interval(["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"]) == nil)
        #expect(interval(["WATCHDOG_USEC": "3000000"]) == .seconds(3))
        #expect(interval(["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "\(getpid())"]) == .seconds(3))
    }
}
