/// The names under which a file can be kept where its own is taken: `reading.json`, `reading~2.json`, …
func sentName(_ name: String, attempt: Int) -> String {
    guard attempt > 1 else { return name }
    let dot = UInt8(ascii: ".")
    guard let end = name.utf8.lastIndex(of: dot), end != name.utf8.startIndex else { return "\(name)~\(attempt)" }
    return "\(name[..<end])~\(attempt)\(name[end...])"
}

/// Whether `sentName` gives that name for some attempt.
func isSentName(_ name: String, of original: String) -> Bool {
    guard !name.utf8.elementsEqual(original.utf8) else { return true }
    // What stands between the original's two parts, by its length alone: the comparison is of the whole.
    let dot = original.utf8.lastIndex(of: UInt8(ascii: "."))
    let extensionCount =
        dot.map { $0 == original.startIndex ? 0 : original.utf8.distance(from: $0, to: original.utf8.endIndex) } ?? 0
    let stemCount = original.utf8.count - extensionCount
    let digits = name.utf8.dropFirst(stemCount + 1).dropLast(extensionCount)
    guard digits.count < 19, let attempt = Int(String(decoding: digits, as: UTF8.self)), attempt > 1 else {
        return false
    }
    return sentName(original, attempt: attempt).utf8.elementsEqual(name.utf8)
}
