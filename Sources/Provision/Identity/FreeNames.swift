import CommandSupport
import Files
import UploadProtocol

/// The names `pi-01`, `pi-02`, … of a series that nothing has yet, in their order.
struct FreeNames {
    let deployment: Deployment
    let identifiers: IdentifierFile
    let series: String
    private var number = 0
    private let listed: Set<PiName>

    init(deployment: Deployment, identifiers: IdentifierFile, series: String) {
        self.deployment = deployment
        self.identifiers = identifiers
        self.series = series
        listed = Set(identifiers.lines.compactMap { $0.entry?.name })
    }

    mutating func next() throws -> PiName {
        while true {
            number += 1
            guard let name = PiName("\(series)-\(number < 10 ? "0" : "")\(number)") else {
                throw CommandFailure(
                    "\(series)-\(number) would be too long for a name", hint: "give a shorter one", exitCode: .usage)
            }
            guard !listed.contains(name), try fileStatus(deployment.identity(of: name)) == nil,
                try fileStatus(deployment.bundle(of: name)) == nil
            else { continue }
            return name
        }
    }
}

extension Deployment {
    /// Where something of that name is; empty if it is free.
    func places(of name: PiName, _ identifiers: IdentifierFile?) throws -> [String] {
        var places: [String] = []
        if identifiers?.lines.contains(where: { $0.entry?.name == name }) == true { places.append(self.identifiers) }
        for path in [identity(of: name), bundle(of: name)] where try fileStatus(path) != nil { places.append(path) }
        return places
    }
}
