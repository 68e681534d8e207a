import CommandSupport
import Files
import Foundation
import TestSupport
import Testing
import UploadProtocol

@testable import SecureSender

@Suite("A file that somebody has open", .timeLimit(.minutes(1)))
struct WritersTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        try folder.write([1, 2, 3], to: "file")
        path = folder("file")
    }

    private var isOpenForWriting: Bool? {
        get throws { try FileDescriptor(opening: path, O_RDONLY).isOpenForWriting }
    }

    /// A program that another test starts has, until it is executed, all files that are open here.
    private func waitUntilClosed() throws {
        while try isOpenForWriting != false { usleep(1000) }
    }

    @Test("for writing is told as long as it is open", arguments: [O_WRONLY, O_RDWR, O_WRONLY | O_APPEND])
    func writer(flags: Int32) throws {
        let descriptor = open(path, flags | O_CLOEXEC)
        #expect(try isOpenForWriting == true)
        close(descriptor)
        try waitUntilClosed()
    }

    @Test("for reading does not matter")
    func reader() throws {
        let reader = try FileDescriptor(opening: path, O_RDONLY)
        #expect(try isOpenForWriting == false)
        withExtendedLifetime(reader) {}
    }

    @Test("and mapped for writing is told, though it was closed")
    func mapped() throws {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        let memory = mmap(nil, 3, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        close(descriptor)
        #expect(try isOpenForWriting == true)
        munmap(memory, 3)
        try waitUntilClosed()
    }

    @Test("in another program is told until that ends")
    func otherProgram() async throws {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        let writer = try Program(starting: "/usr/bin/sleep", ["1000"], inheriting: descriptor)
        close(descriptor)
        #expect(try isOpenForWriting == true)
        writer.send(signal: SIGKILL)
        _ = try await writer.outcome()
        try waitUntilClosed()
    }

    @Test("is not kept from its writers, who would wait for a lease that was held")
    func lease() throws {
        try waitUntilClosed()
        // Not waiting: with a lease in its way it would fail with EWOULDBLOCK.
        let writer = open(path, O_WRONLY | O_NONBLOCK)
        #expect(writer >= 0, "\(String(cString: strerror(errno)))")
        close(writer)
        // What the kernel sends to the holder of a lease in that moment.
        var action = sigaction()
        sigaction(SIGIO, nil, &action)
        #expect(
            unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self))
    }

    @Test("cannot be told of what is no regular file")
    func folderItself() throws {
        #expect(try FileDescriptor(opening: folder.path, O_RDONLY | O_DIRECTORY).isOpenForWriting == nil)
    }

    @Test("for writing is left for the next run, which is no failure, and the others are sent")
    func left() async throws {
        let station = try Station(files: ["a": "1", "b": "2", "c": "3"])
        let writer = open(station.folder("data/b"), O_WRONLY | O_APPEND | O_CLOEXEC)
        let receiver = try station.listenHonestly()
        let outcome = try await station.send(to: receiver.port)
        #expect(outcome.exitCode == 0)
        #expect(outcome.errors == "")
        #expect(outcome.output.contains("\n1 file still being written, left for the next run\n"))
        #expect(station.waitingFiles == ["b"])
        close(writer)
        station.folder.waitForWriters("data/b")
        let again = try await station.send(to: receiver.port)
        #expect(again.exitCode == 0)
        #expect(!again.output.contains("being written"))
        #expect(station.waitingFiles == [])
    }
}

@Suite("A file that was changed a moment ago")
struct YoungFileTests {
    private static var settings: StationSettings {
        var settings = StationSettings.quick
        settings.quietTime = .milliseconds(300)
        return settings
    }

    @Test("is sent by the same run, once it was quiet for long enough, and after the older ones")
    func waits() async throws {
        let station = try Station()
        try station.write("old", to: "old", age: 100)
        try station.write("new", to: "new")
        try station.write("future", to: "future", age: -86_400)
        let store = Store()
        let receiver = try station.listenHonestly(into: store)
        let outcome = try await station.sendAll(to: receiver.port, settings: Self.settings)
        #expect(outcome.status == .success)
        #expect(outcome.sent == ["old", "new", "future"])
        #expect(station.waitingFiles == [])
    }

    @Test("is waited for although the quiet time is longer than a look lasts")
    func longQuietTime() async throws {
        let station = try Station()
        try station.write("new", to: "new")
        try station.write("future", to: "future", age: -86_400)
        let receiver = try station.listenHonestly()
        var settings = Self.settings
        (settings.quietTime, settings.lookLifetime) = (.seconds(3), .milliseconds(2900))
        let outcome = try await station.sendAll(to: receiver.port, settings: settings)
        #expect(outcome.sent == ["new", "future"])
    }

    /// A look ten seconds ago, with a quiet time of five, at a file from the future.
    private func source(in folder: TemporaryFolder) throws -> FileSource {
        try write("content", in: folder)
        let now = Duration.seconds(Int64(Date().timeIntervalSince1970))
        let quietTime = QuietTime(.seconds(5), from: .now + .seconds(-10), systemTime: now - .seconds(10))
        let data = try Folder(opening: folder.path)
        return FileSource(try FileScan(of: data, leavingOut: nil, quietTime: quietTime).files, folder: data)
    }

    private func write(_ text: String, in folder: TemporaryFolder) throws {
        try folder.write(Array(text.utf8), to: "file")
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: 86_400)], ofItemAtPath: folder("file"))
    }

    @Test("is given out once it was quiet")
    func quiet() throws {
        let folder = try TemporaryFolder()
        let source = try source(in: folder)
        #expect(source.count == 1)
        #expect(source.next(.oldest)?.path.description == "file")
        #expect(source.next(.oldest) == nil)
        #expect(source.beingWrittenCount == 0)
    }

    @Test("and changes again is left and counted", arguments: ["longer content", "CONTENT"])
    func goesOn(text: String) throws {
        let folder = try TemporaryFolder()
        let source = try source(in: folder)
        try write(text, in: folder)
        #expect(source.next(.oldest) == nil)
        #expect(source.beingWrittenCount == 1)
    }

    @Test("and is taken away before it is given out is not counted")
    func gone() throws {
        let folder = try TemporaryFolder()
        let source = try source(in: folder)
        unlink(folder("file"))
        #expect(source.next(.oldest) == nil)
        #expect(source.beingWrittenCount == 0)
    }
}
