import Glibc

/// Points in time as the protocol writes them; all in seconds since 1970, UTC.
package enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `Fri, 31 Jul 2026 10:15:00 GMT` (RFC 9110, section 5.6.7).
    package static func format(_ seconds: Int64) -> String {
        let time = fields(seconds)
        return "\(days[Int(time.tm_wday)]), \(padded(time.tm_mday)) \(months[Int(time.tm_mon)]) \(year(time)) "
            + "\(padded(time.tm_hour)):\(padded(time.tm_min)):\(padded(time.tm_sec)) GMT"
    }

    /// Reads exactly what `format` writes, the preferred form; `nil` for anything else.
    package static func parse(_ text: String) -> Int64? {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 6, let month = months.firstIndex(of: String(words[2])), let day = Int32(words[1]),
            let year = Int32(words[3]), (1970...9999).contains(year)
        else { return nil }
        let clock = words[4].split(separator: ":", omittingEmptySubsequences: false).map { Int32($0) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2] else { return nil }
        var time = tm()
        (time.tm_year, time.tm_mon, time.tm_mday) = (year - 1900, Int32(month), day)
        (time.tm_hour, time.tm_min, time.tm_sec) = (hour, minute, second)
        let seconds = Int64(timegm(&time))
        return format(seconds) == text ? seconds : nil
    }

    /// `2026-07-31T10:15:00Z` (RFC 3339).
    package static func formatInternet(_ seconds: Int64) -> String {
        let time = fields(seconds)
        return "\(year(time))-\(padded(time.tm_mon + 1))-\(padded(time.tm_mday))"
            + "T\(padded(time.tm_hour)):\(padded(time.tm_min)):\(padded(time.tm_sec))Z"
    }

    private static func fields(_ seconds: Int64) -> tm {
        var time = time_t(seconds)
        var fields = tm()
        gmtime_r(&time, &fields)
        return fields
    }

    /// A file's time may be in the last years that a `tm` can say, whose numbers an Int32 cannot.
    private static func year(_ time: tm) -> Int { Int(time.tm_year) + 1900 }

    private static func padded(_ number: Int32) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }
}
