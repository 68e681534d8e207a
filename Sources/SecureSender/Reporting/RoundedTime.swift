import CommandSupport

/// `0.8 seconds`; from two seconds on as `roundedTime`.
func exactTime(_ time: Duration) -> String {
    guard time < .seconds(2) else { return roundedTime(time) }
    let tenths = Int((time / .milliseconds(100)).rounded(.up))
    return "\(tenths / 10).\(tenths % 10) seconds"
}

/// `17 minutes`, `3 days`: in the largest unit of which there are at least two.
func roundedTime(_ time: Duration) -> String {
    let seconds = time.components.seconds + (time.components.attoseconds > 0 ? 1 : 0)
    for (size, noun) in [(86_400, "day"), (3600, "hour"), (60, "minute")] as [(Int64, String)]
    where seconds >= 2 * size {
        return counted(Int(clamping: seconds / size), noun)
    }
    return counted(Int(clamping: seconds), "second")
}
