/// `1 file`, `2 files`.
package func counted(_ count: Int, _ noun: String) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
}

/// `517 bytes`, `2.1 kB`: powers of 1000, one digit behind the point.
package func formattedSize(_ bytes: Int64) -> String {
    guard bytes >= 1000 else { return bytes == 1 ? "1 byte" : "\(bytes) bytes" }
    var tenths = (bytes + 50) / 100
    var unit = 0
    while tenths >= 10_000, unit < 3 {
        tenths = (tenths + 500) / 1000
        unit += 1
    }
    return "\(tenths / 10).\(tenths % 10) \(["kB", "MB", "GB", "TB"][unit])"
}
