import Logging

extension LogLine {
    /// One object; its members `time`, `level` and `message` are always there, the others are the event's.
    func appendObject(to line: inout [UInt8]) {
        line += "{\"time\":\"\(internetTime)\",\"level\":\"\(level.rawValue)\",\"message\":".utf8
        LogText.append(quoted: message, to: &line)
        for (key, value) in sortedMetadata {
            line.append(UInt8(ascii: ","))
            // A member's name counts once (RFC 8259, section 4).
            LogText.append(quoted: ["time", "level", "message"].contains(key) ? "\(key)_" : key, to: &line)
            line.append(UInt8(ascii: ":"))
            value.appendJSON(to: &line)
        }
        line.append(UInt8(ascii: "}"))
    }
}

extension Logger.MetadataValue {
    fileprivate func appendJSON(to line: inout [UInt8]) {
        switch self {
        case .stringConvertible(let number as any FixedWidthInteger): line += "\(number)".utf8
        case .stringConvertible(let number as Double) where number.isFinite: line += "\(number)".utf8
        case .string, .stringConvertible: LogText.append(quoted: "\(self)", to: &line)
        case .array(let values):
            line.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                value.appendJSON(to: &line)
            }
            line.append(UInt8(ascii: "]"))
        case .dictionary(let members):
            line.append(UInt8(ascii: "{"))
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                LogText.append(quoted: member.key, to: &line)
                line.append(UInt8(ascii: ":"))
                member.value.appendJSON(to: &line)
            }
            line.append(UInt8(ascii: "}"))
        }
    }
}
