import ArgumentParser
import CommandSupport
import UploadStore

extension KeptFree: ExpressibleByArgument {
    /// `5%`, or a number of bytes.
    package init?(argument: String) {
        if argument.hasSuffix("%") {
            guard let percent = Int(argument.dropLast()), (0...99).contains(percent) else { return nil }
            self = .percent(percent)
        } else {
            guard let count = ByteCount(argument: argument) else { return nil }
            self = .bytes(count.bytes)
        }
    }

    package var defaultValueDescription: String {
        switch self {
        case .percent(let percent): "\(percent)%"
        case .bytes(let bytes): "\(bytes)"
        }
    }
}
