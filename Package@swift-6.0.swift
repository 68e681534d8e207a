// swift-tools-version: 6.0
// What a Pi needs, built by Debian's own Swift: the sender and provision on swift-argument-parser and libssl alone.
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let tomlKit: Target.Dependency = .product(name: "TOMLKit", package: "TOMLKit")

let package = Package(
    name: "secure-upload",
    products: [
        .executable(name: "provision", targets: ["Provision"]),
        .executable(name: "secure-sender", targets: ["SecureSender"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Of version 0: the next minor one may break it.
        .package(url: "https://github.com/LebJe/TOMLKit", .upToNextMinor(from: "0.6.0")),
    ],
    targets: [
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLinux"),
        .target(name: "OpenSSL", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "Files", swiftSettings: strict),
        .target(name: "MessageSignatures", dependencies: ["OpenSSL"], swiftSettings: strict),
        .target(name: "UploadProtocol", dependencies: ["MessageSignatures", "OpenSSL"], swiftSettings: strict),
        .target(name: "CertificateAuthority", dependencies: ["OpenSSL", "UploadProtocol"], swiftSettings: strict),
        .target(name: "CommandSupport", dependencies: ["Files", argumentParser], swiftSettings: strict),
        .executableTarget(
            name: "Provision",
            dependencies: [
                "CLinux", "CertificateAuthority", "CommandSupport", "Files", "OpenSSL", "UploadProtocol",
                argumentParser,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "SecureSender",
            dependencies: [
                "CLinux", "CommandSupport", "Files", "MessageSignatures", "OpenSSL", "UploadProtocol", argumentParser,
                tomlKit,
            ],
            swiftSettings: strict),
        // Temporary folders, test authorities and running programs, for all tests.
        .target(
            name: "TestSupport",
            dependencies: ["CertificateAuthority", "MessageSignatures", "OpenSSL", "UploadProtocol"],
            path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(
            name: "UploadProtocolTests",
            dependencies: ["OpenSSL", "MessageSignatures", "TestSupport", "UploadProtocol"],
            swiftSettings: strict),
        .testTarget(
            name: "FilesTests", dependencies: ["Files", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "CertificateAuthorityTests",
            dependencies: ["CertificateAuthority", "OpenSSL", "TestSupport", "UploadProtocol"], swiftSettings: strict),
        .testTarget(
            name: "ProvisionTests",
            dependencies: [
                "CLinux", "CertificateAuthority", "CommandSupport", "Files", "OpenSSL", "Provision", "TestSupport",
                "UploadProtocol",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "MessageSignaturesTests", dependencies: ["MessageSignatures", "OpenSSL"], swiftSettings: strict),
        .testTarget(
            name: "SecureSenderTests",
            dependencies: [
                "CertificateAuthority", "CommandSupport", "Files", "MessageSignatures", "OpenSSL", "SecureSender",
                "TestSupport", "UploadProtocol", argumentParser,
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
