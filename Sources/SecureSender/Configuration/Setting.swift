import CommandSupport

/// What can be set beside the command line, under the name of its option.
struct Setting: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// Typed without a name, in this place.
        case argument(Int)
        /// True or false.
        case flag
        case value
        /// May be given several times.
        case list
    }

    let name: String
    let kind: Kind

    /// In the environment.
    var variable: String {
        Self.variablePrefix + String(name.uppercased().map { $0 == "-" ? "_" : $0 })
    }

    static let variablePrefix = "SECURE_SENDER_"

    /// In the order of the help.
    static let all: [Setting] = [
        Setting(name: "ip", kind: .argument(0)),
        Setting(name: "dir", kind: .argument(1)),
        Setting(name: "port", kind: .value),
        Setting(name: "identity", kind: .value),
        Setting(name: "sent-dir", kind: .value),
        Setting(name: "include", kind: .list),
        Setting(name: "exclude", kind: .list),
        Setting(name: "quiet-time", kind: .value),
        Setting(name: "watch", kind: .flag),
        Setting(name: "look-every", kind: .value),
        Setting(name: "every", kind: .value),
        Setting(name: "wait", kind: .flag),
        Setting(name: "limit-rate", kind: .value),
        Setting(name: "newest-every", kind: .value),
        Setting(name: "in-flight", kind: .value),
        Setting(name: "bytes-in-flight", kind: .value),
        Setting(name: "in-parts-above", kind: .value),
        Setting(name: "give-up-after", kind: .value),
        Setting(name: "keep-sent", kind: .value),
        Setting(name: "keep-sent-space", kind: .value),
        Setting(name: "quiet", kind: .flag),
        Setting(name: "verbose", kind: .flag),
        Setting(name: "json", kind: .flag),
        Setting(name: "no-progress", kind: .flag),
    ]

    /// Options that are typed: in a file they would be forgotten.
    static let forOneRun: Set<String> = ["config", "dry-run", "help", "version"]

    /// Those that a check needs too.
    static let ofCheck = all.filter {
        ["ip", "dir", "port", "identity", "sent-dir", "include", "exclude", "json"].contains($0.name)
    }

    /// What says another thing about the same: a later source's replaces an earlier one's.
    var rival: String? {
        switch name {
        case "watch": "every"
        case "every": "watch"
        default: nil
        }
    }

    static func named(_ name: String) -> Setting? { all.first { $0.name == name } }

    /// `subject`: what stands in `name`'s place, and where.
    static func unknown(_ name: String, _ subject: String) -> CommandFailure {
        let similar = similarNames(to: name, in: all.map(\.name))
        return CommandFailure(
            "\(subject) is no setting",
            hint: similar.isEmpty
                ? "settings have the names of the options: secure-sender --help"
                : "did you mean \(similar.joined(separator: " or "))?",
            exitCode: .configuration)
    }
}

/// What one source says of a setting.
struct GivenSetting: Hashable, Sendable {
    let setting: Setting
    /// As typed behind the option: one, or for a list any number; for a flag `true` or `false`.
    let values: [String]
    /// For messages: `port in line 3 of /etc/secure-sender/config.toml`.
    let origin: String

    /// Whether an earlier source's `other` counts no more.
    func replaces(_ other: GivenSetting) -> Bool {
        setting == other.setting || setting.rival == other.setting.name && values != ["false"]
    }

    /// As they would be typed. An argument has its place behind all of them.
    var arguments: [String] {
        switch setting.kind {
        case .argument: []
        case .flag: values == ["true"] ? ["--\(setting.name)"] : []
        // In one word, for values that begin with a hyphen.
        case .value, .list: values.map { "--\(setting.name)=\($0)" }
        }
    }
}
