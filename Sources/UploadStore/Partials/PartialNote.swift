import OpenSSL
import UploadProtocol

/// What is written down beside the bytes of an upload that comes in parts: the file that it is to become, and how much of
/// it is durable.
///
/// The second changes with every part, so it has two places, written in turn and each in a block of its own: what a power
/// cut tears is the newer entry, which nobody was told of yet.
struct PartialNote: Hashable, Sendable {
    let file: AnnouncedFile
    let entry: Entry

    struct Entry: Hashable, Sendable {
        /// The higher one counts.
        let sequence: Int64
        /// Bytes that are durable.
        let offset: Int64
        /// When that was: seconds since 1970.
        let time: Int64
    }

    private static let firstLine = "secure-upload partial 1"
    /// The longest path fits in front of the first.
    private static let places: [Int] = [8192, 12_288]
    private static let entryBytes = 80
    private static let most: Int64 = 1 << 53
    static let size = places[1] + entryBytes

    /// Of a note that is written whole.
    var contents: [UInt8] {
        var contents = Self.head(file)
        contents += repeatElement(0, count: Self.size - contents.count)
        let place = Self.place(of: entry)
        contents.replaceSubrange(place..<(place + Self.entryBytes), with: Self.text(entry))
        return contents
    }

    /// Where in the note an entry goes, in bytes from its start.
    static func place(of entry: Entry) -> Int { places[Int(entry.sequence % 2)] }

    static func text(_ entry: Entry) -> [UInt8] {
        let numbers = [entry.sequence, entry.offset, entry.time].map(padded).joined(separator: " ")
        return Array("\(numbers) \(checksum(Array(numbers.utf8)).prefix(16))\n".utf8)
    }

    private static func head(_ file: AnnouncedFile) -> [UInt8] {
        // No part can hold a newline.
        let lines = [
            firstLine, file.pi.text, file.path.description, "\(file.size)", file.digest.hex,
            file.modified.map { "\($0)" } ?? "-", "",
        ].joined(separator: "\n")
        return Array(lines.utf8) + Array("\(checksum(Array(lines.utf8)))\n".utf8)
    }
}

extension PartialNote {
    /// Reads what `contents` gave, with entries written since; `nil` for anything else.
    init?(parsing contents: [UInt8]) {
        guard contents.count == Self.size,
            let entry = Self.places.compactMap({ Self.entry(contents[$0..<($0 + Self.entryBytes)]) })
                .max(by: { $0.sequence < $1.sequence }),
            let file = Self.file(contents[..<Self.places[0]]), (0...file.size).contains(entry.offset)
        else { return nil }
        self.init(file: file, entry: entry)
    }

    private static func file(_ contents: ArraySlice<UInt8>) -> AnnouncedFile? {
        // By bytes: a combining mark at the start of a segment would hide the slash from a split by characters.
        let lines = contents.split(separator: UInt8(ascii: "\n"), maxSplits: 7, omittingEmptySubsequences: false)
        guard lines.count == 8, let pi = PiName(String(decoding: lines[1], as: UTF8.self)),
            let size = Int64(String(decoding: lines[3], as: UTF8.self)), size >= 0,
            let digest = SHA256Digest(hex: String(decoding: lines[4], as: UTF8.self)),
            let path = try? UploadPath(
                segments: lines[2].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
                    String(decoding: $0, as: UTF8.self)
                })
        else { return nil }
        let file = AnnouncedFile(
            pi: pi, path: path, size: size, digest: digest, modified: Int64(String(decoding: lines[5], as: UTF8.self)))
        // With its checksum: what was not written by us is not believed.
        return contents.starts(with: head(file)) ? file : nil
    }

    private static func entry(_ text: ArraySlice<UInt8>) -> Entry? {
        let words = String(decoding: text, as: UTF8.self).split(separator: " ")
        guard words.count == 4, let sequence = Int64(words[0]), let offset = Int64(words[1]), let time = Int64(words[2])
        else { return nil }
        // Nobody has written so often, nor so early or late, that it could not be counted on with.
        guard (0..<most).contains(sequence), (0..<most).contains(time) else { return nil }
        let entry = Entry(sequence: sequence, offset: offset, time: time)
        return Self.text(entry).elementsEqual(text) ? entry : nil
    }
}

private func checksum(_ bytes: [UInt8]) -> String { SHA256.digest(of: bytes).hex }

/// 20 digits hold every number.
private func padded(_ number: Int64) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 20 - digits.count)) + digits
}
