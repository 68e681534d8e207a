import CommandSupport
import Files
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import SecureSender

// Whoever does not notice that it is to end runs into the suite's time limit.
extension StationLoopTests {
    @Test("waits for the answers that it is owed when it is to end, begins nothing more, and moves what was stored")
    func inFlight() async throws {
        let names = (0..<300).map { "file\($0 + 100)" }
        let station = try Station(names: names)
        let answers = station.answers
        let begun = Mutex(0)
        let isStopped = Mutex(false)
        let receiver = try station.listen { connection in
            var request = try connection.nextRequest()
            begun.withLock { $0 = 1 }
            while !isStopped.withLock({ $0 }) { usleep(1000) }
            while true {
                try connection.send(try answers.receipt(for: request))
                request = try connection.nextRequest()
                begun.withLock { $0 += 1 }
            }
        }
        var settings = StationSettings.quick
        settings.sender.patienceAtEnd = .seconds(1000)
        let outcome = try await station.loop(
            to: receiver.port, settings: settings, onceStopped: { isStopped.withLock { $0 = true } },
            while: { _ in try await waitUntil { begun.withLock { $0 } == 1 } })
        #expect(outcome.failures == [])
        let sent = station.sentFiles.filter { !$0.hasSuffix(".sha256") }
        #expect(sent.count == begun.withLock { $0 })
        #expect(sent.count < names.count)
        #expect(Set(sent).union(station.waitingFiles) == Set(names))
        #expect(Set(sent).isDisjoint(with: station.waitingFiles))
    }

    @Test("ends while the receiver does not answer at all", arguments: ["connection", "handshake", "answer"])
    func stopsWhileWaiting(for step: String) async throws {
        let station = try Station(files: ["a": "1"])
        let asked = Mutex(false)
        let silent = try SilentPort()
        let mute = try PlainListener(answer: nil)
        let lazy = try station.listen { connection in
            _ = try connection.nextRequest()
            asked.withLock { $0 = true }
            connection.waitForEnd()
        }
        var settings = StationSettings.quick
        settings.sender.connectTimeLimit = .seconds(1000)
        settings.sender.handshakeTimeLimit = .seconds(1000)
        settings.sender.inactivityTimeLimit = .seconds(1000)
        settings.sender.patienceAtEnd = .milliseconds(100)
        let ports = ["connection": silent.port, "handshake": mute.port, "answer": lazy.port]
        let outcome = try await station.loop(to: try #require(ports[step]), settings: settings) { events in
            try await waitUntil { events().contains(.connecting) && (step != "answer" || asked.withLock { $0 }) }
        }
        #expect(outcome.failure == nil)
        #expect(outcome.failures == [], "to end is no failure")
        #expect(outcome.gaveUp == nil)
        #expect(station.waitingFiles == ["a"])
    }

    @Test("does not wait for others to leave the sent files alone when it is to end")
    func lockedSentFolder() async throws {
        let station = try Station(files: ["a": "1"])
        let (asked, isTold) = (SharedCount(), SharedCount())
        let receiver = try station.listenReluctantly(asked: asked, isTold: isTold)
        // Not let go before the loop's end.
        let lock = Mutex<FileDescriptor?>(nil)
        let outcome = try await station.loop(
            to: receiver.port, settings: .patientAtEnd, onceStopped: isTold.add
        ) { _ in
            try await waitUntil { asked.value == 1 }
            let held = try Folder(opening: station.folder("sent_files")).lock()
            lock.withLock { $0 = held }
        }
        #expect(outcome.failures.map(\.message) == ["a could not be sent"])
        #expect(outcome.failures.first?.reason?.hasPrefix("the receiver has it, but it could not be moved: ") == true)
        #expect(station.waitingFiles == ["a"])
        #expect(station.sentFiles == [])
    }

    @Test("does not begin to tidy up when it is to end")
    func noTidying() async throws {
        let station = try Station(files: ["a": "1"])
        let (asked, isTold) = (SharedCount(), SharedCount())
        let receiver = try station.listenReluctantly(asked: asked, isTold: isTold)
        var settings = StationSettings.patientAtEnd
        settings.sentLimits = SentLimits(bytes: 0)
        _ = try await station.loop(to: receiver.port, settings: settings, onceStopped: isTold.add) { _ in
            try await waitUntil { asked.value == 1 }
        }
        #expect(station.sentFiles == ["a", "a.sha256"])
    }
}

// MARK: - Of itself

extension StationLoopTests {
    // No full look comes within this suite's time limit.
    @Test("ends with an error as soon as its folder is no longer in its place", arguments: Removal.allCases)
    func folderGone(removal: Removal) async throws {
        let station = try Station(files: ["a": "1"])
        let receiver = try station.listenHonestly()
        let outcome = try await station.loop(to: receiver.port) { events in
            try await waitUntil { station.sentFiles.contains("a") }
            removal.happen(to: station)
            try await waitUntil { events().contains(.notice("ended")) }
        }
        removal.undo(on: station)
        let folder = station.folder(removal == .ofSentFiles ? "sent_files" : "data")
        #expect(outcome.failure?.message == "\(folder) not a valid directory")
        #expect(outcome.failure?.exitCode == .noInput)
    }

    enum Removal: CaseIterable {
        case altogether, withAnotherInItsPlace, byRenaming, ofSentFiles, withTheFolderAboveIt

        fileprivate func happen(to station: Station) {
            let data = station.folder("data")
            switch self {
            case .altogether: rmdir(data)
            case .withAnotherInItsPlace:
                rmdir(data)
                mkdir(data, 0o755)
            case .byRenaming: rename(data, station.folder("moved"))
            case .ofSentFiles: rename(station.folder("sent_files"), station.folder("moved"))
            case .withTheFolderAboveIt: rename(station.folder.path, "\(station.folder.path)-moved")
            }
        }

        /// So that it can be cleaned up.
        fileprivate func undo(on station: Station) {
            if self == .withTheFolderAboveIt { rename("\(station.folder.path)-moved", station.folder.path) }
        }
    }

    @Test(
        "first sends what is left in the folder that its link led to, also what is closed then, and counts what stays",
        arguments: [false, true])
    func linkSwitched(isClosed: Bool) async throws {
        let station = try Station(files: ["a": "1"])
        symlink("data", station.folder("today"))
        let receiver = try station.listenHonestly()
        var settings = StationSettings.quick
        // What is open has so long to be closed: on a busy computer that takes a moment.
        settings.quietTime = .seconds(isClosed ? 10 : 2)
        let outcome = try await station.loop(to: receiver.port, named: "today", settings: settings) { events in
            try await waitUntil { station.sentFiles.contains("a") }
            try station.write("2", to: "open", age: 1000)
            let writer = open(station.folder("data/open"), O_WRONLY | O_CLOEXEC)
            defer { if !isClosed { close(writer) } }
            try station.write("3", to: "b")
            switchLink(station.folder("today"), to: "identity")
            try await waitUntil {
                let last = events().drop { $0 != .notice(leadsElsewhere(station)) }
                return last.contains { if case .beingWritten = $0 { true } else { $0 == .notice("ended") } }
            }
            if isClosed { close(writer) }
            try await waitUntil { events().contains(.notice("ended")) }
        }
        let (data, reason) = (station.folder("data"), "it leads to another folder now")
        #expect(outcome.failure?.message == "\(station.folder("today")) not a valid directory")
        #expect(station.waitingFiles == (isClosed ? [] : ["open"]))
        #expect(station.sentFiles.contains("b"))
        let left = isClosed ? "nothing is left in \(data)" : "left in \(data): 1 file"
        #expect(outcome.failure?.reason == "\(reason); \(left)")
        #expect(outcome.failure?.hint?.contains("secure-sender 127.0.0.1 \(data)") == !isClosed)
    }

    private func leadsElsewhere(_ station: Station) -> String {
        "\(station.folder("today")) leads to another folder now: sending what is left in \(station.folder("data"))"
    }

    private func switchLink(_ link: String, to target: String) {
        symlink(target, "\(link)-new")
        rename("\(link)-new", link)
    }

    @Test("counts what is left there too where the receiver is away")
    func linkSwitchedInVain() async throws {
        let station = try Station(files: ["a": "1", "b": "2", "d/c": "3"])
        symlink("data", station.folder("today"))
        var settings = StationSettings.quick
        settings.sender = .impatient
        // A port on which nothing listens.
        let outcome = try await station.loop(
            to: 1, named: "today", backOff: .seconds(1000) ... .seconds(1000), settings: settings
        ) { events in
            try await waitUntil { events().contains { if case .failed = $0 { true } else { false } } }
            switchLink(station.folder("today"), to: "identity")
            try await waitUntil { events().contains(.notice("ended")) }
        }
        #expect(outcome.failure?.reason?.hasSuffix("left in \(station.folder("data")): 3 files") == true)
    }

    @Test("does so too while it waits for a receiver that is away")
    func folderGoneMeanwhile() async throws {
        let station = try Station(files: ["a": "1"])
        var settings = StationSettings.quick
        settings.sender = .impatient
        // A port on which nothing listens.
        let outcome = try await station.loop(
            to: 1, backOff: .seconds(1000) ... .seconds(1000), settings: settings
        ) { events in
            try await waitUntil { events().contains { if case .failed = $0 { true } else { false } } }
            rename(station.folder("data"), station.folder("moved"))
            try await waitUntil { events().contains(.notice("ended")) }
        }
        #expect(outcome.failure?.message == "\(station.folder("data")) not a valid directory")
    }
}
