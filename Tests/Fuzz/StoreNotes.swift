import OpenSSL
import UploadProtocol

@testable import UploadStore

/// The store's own notes, of replacements and of uploads in parts, as a start or a next part finds them on a disk that others
/// may have written to: either they are not believed, or what they say writes itself again byte for byte, leads into the Pi's
/// folder and nowhere else, and can be counted on with.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzStoreNotes(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let contents = Array(UnsafeBufferPointer(start: start, count: count))
    if let replacement = Replacement(parsing: contents, id: "0") {
        precondition(replacement.contents == contents)
        check(replacement.place)
    }
    check(PartialNote(parsing: contents))
    if let sealed = sealed(contents) { check(PartialNote(parsing: sealed)) }
    return 0
}

private func check(_ note: PartialNote?) {
    guard let note else { return }
    precondition(PartialNote(parsing: note.contents) == note)
    precondition(note.file.size >= 0 && (0...note.file.size).contains(note.entry.offset))
    precondition(note.entry.sequence >= 0 && note.entry.time >= 0)
    let next = PartialNote.Entry(
        sequence: note.entry.sequence + 1, offset: note.entry.offset, time: note.entry.time + PartialLimits().lifetime)
    precondition(PartialNote(parsing: PartialNote(file: note.file, entry: next).contents)?.entry == next)
    check(Place(pi: note.file.pi, path: note.file.path))
}

private func check(_ place: Place) {
    for name in place.folder + place.versionsFolder + [place.name] {
        precondition(!name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/")))
        precondition(!name.utf8.contains(0))
    }
    precondition(place.folder[0] == place.pi.text)
}

/// What somebody would write who knows the form: six lines for the file, one for each entry, and the checksums right.
private func sealed(_ input: [UInt8]) -> [UInt8]? {
    let lines = input.split(separator: newline, maxSplits: 8, omittingEmptySubsequences: false)
    guard lines.count >= 8 else { return nil }
    var contents = lines[..<6].flatMap { $0 + [newline] }
    contents += Array("\(SHA256.digest(of: contents).hex)\n".utf8)
    guard contents.count <= place(0) else { return nil }
    contents += repeatElement(0, count: PartialNote.size - contents.count)
    for number in 0...1 {
        let numbers = String(decoding: lines[6 + number], as: UTF8.self).split(separator: " ").compactMap { Int64($0) }
        guard numbers.count == 3 else { continue }
        let text = PartialNote.text(.init(sequence: numbers[0], offset: numbers[1], time: numbers[2]))
        contents.replaceSubrange(place(number)..<(place(number) + text.count), with: text)
    }
    return contents
}

private let newline = UInt8(ascii: "\n")

private func place(_ number: Int) -> Int {
    PartialNote.place(of: .init(sequence: Int64(number), offset: 0, time: 0))
}
