import CommandSupport
import Glibc
import OpenSSL
import Synchronization
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("The receiver's address")
struct ReceiverAddressTests {
    @Test(
        "may be typed in every usual form",
        arguments: [
            ("192.168.1.20", "https://192.168.1.20:3500", "192.168.1.20:3500"),
            ("::1", "https://[::1]:3500", "[::1]:3500"),
            ("[::1]", "https://[::1]:3500", "[::1]:3500"),
            ("FE80::1%eth0", "https://[FE80::1%eth0]:3500", "[fe80::1]:3500"),
            ("[fe80::1%wlan0]", "https://[fe80::1%wlan0]:3500", "[fe80::1]:3500"),
            ("Lab-Server.local", "https://Lab-Server.local:3500", "lab-server.local:3500"),
        ])
    func forms(text: String, url: String, authority: String) throws {
        let address = try #require(ReceiverAddress(text, port: 3500))
        #expect(address.url == url)
        #expect(address.authority == authority)
    }

    @Test("leaves out of Host the port that https has anyway")
    func defaultPort() {
        #expect(ReceiverAddress("lab", port: 443)?.authority == "lab")
        #expect(ReceiverAddress("::1", port: 443)?.authority == "[::1]")
        #expect(ReceiverAddress("lab", port: 443)?.url == "https://lab:443")
    }

    @Test(
        "is refused where it is none",
        arguments: [
            "", "https://lab", "lab/", "lab:3500", "[::1]:3500", "[lab]", "[]", "::g", "fe80::1%", "fe80::1%a b",
            "lab\r\nX: y",
            "a b", "user@lab", "lab?x", "läb", String(repeating: "a", count: 254),
        ])
    func refuses(text: String) {
        #expect(ReceiverAddress(text, port: 3500) == nil)
    }
}

@Suite("The look-up of a name", .timeLimit(.minutes(1)))
struct NameLookupTests {
    private func answer(_ host: String) throws -> NameLookup.Answer? {
        NameLookup(try #require(ReceiverAddress(host, port: 3500))).answer(stop: StopSignal()) { _ in }
    }

    @Test("finds addresses, which need none, and names", arguments: ["127.0.0.1", "::1", "localhost"])
    func found(host: String) throws {
        guard case .found(let addresses) = try answer(host) else {
            Issue.record("\(host) has no address")
            return
        }
        #expect(["127.0.0.1", "::1"].contains(addresses.first?.text))
    }

    @Test("hands on what getaddrinfo says, and asks for addresses first")
    func handsOn() throws {
        let flags = Mutex<[Int32]>([])
        let lookup = NameLookup(try #require(ReceiverAddress("lab", port: 3500))) { _, flag in
            flags.withLock { $0.append(flag) }
            return .failed(code: EAI_NONAME)
        }
        guard case .failed(EAI_NONAME) = lookup.answer(stop: StopSignal(), tell: { _ in }) else {
            Issue.record("it was found")
            return
        }
        #expect(flags.withLock { $0 } == [AI_NUMERICHOST, 0])
    }

    @Test("is given up as soon as somebody wants us to end, though no name server answers")
    func givenUp() throws {
        let stop = StopSwitch()
        let mayAnswer = Mutex(false)
        defer { mayAnswer.withLock { $0 = true } }
        let lookup = NameLookup(try #require(ReceiverAddress("lab", port: 3500))) { _, flag in
            if flag == 0 {
                stop.stop()
                while !mayAnswer.withLock({ $0 }) { usleep(1000) }
            }
            return .failed(code: EAI_AGAIN)
        }
        #expect(lookup.answer(stop: StopSignal(stop.readEnd)) { _ in } == nil)
    }
}

@Suite("The clock of a run")
struct SenderClockTests {
    private let start = Uptime(sinceStart: .seconds(1000))

    @Test("is the system's where the kernel calls it synchronised, and goes on with the time since the start")
    func synchronised() {
        let clock = SenderClock(
            isSynchronised: true, systemTime: 5000, bundleTime: 9000, lastReceipt: 8000, now: start)
        #expect(clock.time(at: start) == 5000)
        #expect(clock.time(at: start + .seconds(61)) == 5061)
        #expect(clock.certificateTime(at: start + .seconds(61)) == .exactly(5061))
    }

    @Test("is the later of the bundle's and the last receipt's time where it is not, whatever the system says")
    func notSynchronised() {
        for system: Int64 in [0, 5000, 99_000_000_000] {
            for (receipt, expected): (Int64?, Int64) in [(nil, 5000), (4000, 5000), (6000, 6000)] {
                let clock = SenderClock(
                    isSynchronised: false, systemTime: system, bundleTime: 5000, lastReceipt: receipt, now: start)
                #expect(clock.time(at: start + .seconds(1)) == expected + 1)
                #expect(clock.certificateTime(at: start) == .notBefore(expected))
            }
        }
    }

    @Test("takes the receiver's time for signatures, and never for the receiver's own certificate")
    func correction() {
        var clock = SenderClock(isSynchronised: false, systemTime: 0, bundleTime: 5000, lastReceipt: nil, now: start)
        let later = start + .seconds(10)
        let first = clock.correct(to: 7000, at: later)
        #expect(first == 6990)
        #expect(clock.time(at: later + .seconds(5)) == 7005)
        #expect(clock.certificateTime(at: later) == .notBefore(5010))
        // Measured by the system clock each time.
        let second = clock.correct(to: 6000, at: later)
        #expect(second == 5990)
        #expect(clock.time(at: later) == 6000)
    }

    @Test("remembers the last receipt's time, but none beyond the receiver certificate's end")
    func lastReceipt() throws {
        let folder = try TemporaryFolder()
        let time = LastReceiptTime(folder: folder.path)
        #expect(time.load() == nil)
        time.remember(1_785_492_900, certificateEnd: 1_785_492_900)
        #expect(time.load() == 1_785_492_900)
        time.remember(1_785_492_901, certificateEnd: 1_785_492_900)
        #expect(time.load() == 1_785_492_900)
        for text in ["", "tomorrow", "1785492900", String(repeating: "x", count: 100)] {
            try folder.write(Array(text.utf8), to: LastReceiptTime.fileName)
            #expect(time.load() == nil)
        }
    }
}

@Suite("Sizes and times")
struct SizeTests {
    @Test(
        "are shown in the largest unit of which there are two",
        arguments: [
            (Int64(1), "1 second"), (119, "119 seconds"), (120, "2 minutes"), (7199, "119 minutes"),
            (86_400, "24 hours"),
            (172_800, "2 days"),
        ])
    func times(seconds: Int64, text: String) {
        #expect(roundedTime(.seconds(seconds)) == text)
    }

    @Test(
        "are shown in powers of 1000",
        arguments: [
            (Int64(0), "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (2048, "2.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"), (1_073_741_824, "1.1 GB"), (9_223_372_036_854_775_000, "9223372.0 TB"),
        ])
    func sizes(bytes: Int64, text: String) {
        #expect(formattedSize(bytes) == text)
    }
}
