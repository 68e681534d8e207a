import CommandSupport

/// Settings in variables such as SECURE_SENDER_PORT.
enum EnvironmentSettings {
    /// The one that names the configuration file.
    static let configVariable = Setting.variablePrefix + "CONFIG"

    /// An empty variable counts as none.
    static func read(_ environment: [String: String]) throws(CommandFailure) -> [GivenSetting] {
        var settings: [GivenSetting] = []
        for (variable, text) in environment.sorted(by: { $0.key < $1.key })
        where variable.hasPrefix(Setting.variablePrefix) && variable != configVariable && !text.isEmpty {
            let shown = CommandOutput.oneLine(variable, limit: 60)
            guard let setting = Setting.all.first(where: { $0.variable == variable }) else {
                let name = variable.dropFirst(Setting.variablePrefix.count).lowercased()
                throw Setting.unknown(String(name.map { $0 == "_" ? "-" : $0 }), "\(shown) in the environment")
            }
            settings.append(
                GivenSetting(setting: setting, values: try values(text, of: setting, variable), origin: shown))
        }
        return settings
    }

    private static func values(
        _ text: String, of setting: Setting, _ variable: String
    ) throws(CommandFailure) -> [String] {
        switch setting.kind {
        case .argument, .value: return [text]
        case .list: return text.split(separator: ",").map { String($0) }
        case .flag:
            switch text.lowercased() {
            case "true", "yes", "1": return ["true"]
            case "false", "no", "0": return ["false"]
            default:
                throw CommandFailure(
                    "\(variable) cannot be used",
                    reason: "\(CommandOutput.oneLine(text, limit: 60)) is not what it takes",
                    hint: "it takes true or false", exitCode: .configuration)
            }
        }
    }
}
