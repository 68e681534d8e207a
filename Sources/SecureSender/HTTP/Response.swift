/// A whole final answer.
struct Response: Hashable, Sendable {
    let status: Int
    let fields: Fields
    let body: [UInt8]

    struct Fields: Hashable, Sendable {
        /// In the order of the message, names in lower case.
        private(set) var all: [Field] = []

        struct Field: Hashable, Sendable {
            let name: String
            let value: String
        }

        mutating func append(_ name: String, _ value: String) {
            all.append(Field(name: name, value: value))
        }

        /// The value of a field that stands there once; `nil` where it is missing, and where it is repeated, because one
        /// reader would take the first and another the last.
        subscript(name: String) -> String? {
            let values = all.filter { $0.name == name }
            return values.count == 1 ? values[0].value : nil
        }

        func contains(_ name: String) -> Bool { all.contains { $0.name == name } }

        /// The members of a comma-separated list, in lower case.
        func tokens(_ name: String) -> [String] {
            all.filter { $0.name == name }.flatMap { field in
                field.value.lowercased().split(separator: ",").map { $0.trimming(while: { $0 == " " || $0 == "\t" }) }
            }
        }
    }

    /// A receiver that is mended is to find its stations back within that time, whatever it told them before.
    private static let longestRetryAfter: Int64 = 3600

    /// Seconds, at most an hour (RFC 9110, section 10.2.3); `nil` where it is missing or a date.
    var retryAfter: Int64? {
        fields["retry-after"].flatMap { value in
            guard !value.isEmpty, value.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return min(Int64(value) ?? .max, Self.longestRetryAfter)
        }
    }

    /// Whether nothing will be answered behind it on this connection (RFC 9112, section 9.6).
    var closesConnection: Bool { fields.tokens("connection").contains("close") }
}

extension Substring {
    fileprivate func trimming(while isBlank: (Character) -> Bool) -> String {
        String(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}
