/// The names under which a file can be kept where its own is taken: `reading.json`, `reading~2.json`, …
func sentName(_ name: String, attempt: Int) -> String {
    guard attempt > 1 else { return name }
    let dot = UInt8(ascii: ".")
    guard let end = name.utf8.lastIndex(of: dot), end != name.utf8.startIndex else { return "\(name)~\(attempt)" }
    return "\(name[..<end])~\(attempt)\(name[end...])"
}
