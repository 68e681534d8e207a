import CommandSupport

/// Progress in one line.
enum ProgressLine {
    /// For a terminal that is `width` columns wide; it is never wider than one less, so that the cursor stays on the line.
    /// `file`: the one that is on its way.
    static func bar(_ progress: Progress, file: String? = nil, at now: Uptime, width: Int) -> String {
        let texts = [percent(progress), amount(progress), rate(progress, now), rest(progress, now)].compactMap { $0 }
        let room = max(0, width - 1)
        var line = texts.joined(separator: "  ")
        // What is least missed goes first.
        for count in stride(from: texts.count - 1, through: 1, by: -1) where columns(line) > room {
            line = texts.prefix(count).joined(separator: "  ")
        }
        guard columns(line) <= room else { return clipped(line, to: room) }
        var free = room - columns(line) - 2
        if let part = progress.part, free >= 12 {
            let length = min(free - 2, 30)
            let done = Int(part * Double(length))
            line = "[\(String(repeating: "#", count: done))\(String(repeating: "-", count: length - done))]  \(line)"
            free -= length + 4
        }
        guard let file, free >= 12 else { return line }
        return "\(line)  \(clipped(CommandOutput.oneLine(file), to: free))"
    }

    /// For a log.
    static func words(_ progress: Progress, at now: Uptime) -> String {
        [percent(progress), amount(progress), rate(progress, now), rest(progress, now)].compactMap { $0 }
            .joined(separator: ", ")
    }

    private static func percent(_ progress: Progress) -> String? {
        // 100 % is for what is done in whole.
        progress.part.map { "\($0 >= 1 ? 100 : min(99, Int($0 * 100)))%" }
    }

    private static func amount(_ progress: Progress) -> String {
        let size = progress.total.bytes.map { "\(formattedSize(progress.bytes)) of \(formattedSize($0))" }
        return "\(progress.files) of \(counted(progress.total.files, "file")), \(size ?? formattedSize(progress.bytes))"
    }

    private static func rate(_ progress: Progress, _ now: Uptime) -> String? {
        progress.rate(at: now).map { "\(formattedSize($0))/s" }
    }

    private static func rest(_ progress: Progress, _ now: Uptime) -> String? {
        progress.note ?? progress.timeLeft(at: now).map { "\(clock($0)) left" }
    }

    /// `0:42`, `17:05`, `3:20:00`, and days in words.
    static func clock(_ time: Duration) -> String {
        let seconds = time.components.seconds
        guard seconds < 2 * 86_400 else { return roundedTime(time) }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        let start = hours > 0 ? "\(hours):\(padded(minutes))" : "\(minutes)"
        return "\(start):\(padded(seconds % 60))"
    }

    private static func padded(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

// MARK: - Width

/// Columns that `text` takes on a terminal: East Asian wide characters and emoji two, combining ones none.
func columns(_ text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + columns($1) } }

private func columns(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: 0
    // UAX #11 by its blocks, as terminals do it.
    default: isWide(scalar.value) ? 2 : 1
    }
}

private func isWide(_ value: UInt32) -> Bool {
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
        0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
        0x20000...0x3FFFD:
        true
    default: false
    }
}

/// As many characters as fit into `width` columns, the last of them `…` if some did not.
func clipped(_ text: String, to width: Int) -> String {
    guard columns(text) > width else { return text }
    var clipped = ""
    var room = width - 1
    for character in text {
        room -= columns(String(character))
        guard room >= 0 else { break }
        clipped.append(character)
    }
    return width > 0 ? "\(clipped)…" : ""
}
