/// The lines that keep secrets, keys and data out of a repository.
enum GitIgnore {
    static let needed = ["/ids.txt", "/pis/", "/received_files/", "/sent_files/", "*.key", "*.pem"]

    static let contents = """
        # Secrets, keys and data of this deployment: none of them belongs into a repository.
        \(needed.joined(separator: "\n"))
        /.ids.txt.new
        /certs/.lock

        """

    /// Which of the needed lines an existing file lacks. One that says it in other words is asked for once more, which
    /// does no harm.
    static func missing(in text: String) -> [String] {
        let lines = text.split(whereSeparator: \.isNewline).map { core(of: $0) }
        return needed.filter { line in
            let wanted = core(of: line)
            let equivalents =
                line.hasPrefix("*") ? [wanted, "certs/\(wanted)", "certs", "certs/*", "*"] : [wanted, "*"]
            return lines.contains("!\(wanted)") || !equivalents.contains(where: lines.contains)
        }
    }

    /// Without what makes no difference in the deployment's own folder: `/ids.txt`, `ids.txt`, `pis/`, `pis`.
    private static func core(of line: some StringProtocol) -> String {
        var core = line.drop { $0 == " " || $0 == "/" }[...]
        while let last = core.last, last == " " || last == "/" || last == "\t" { core = core.dropLast() }
        return String(core)
    }
}
