// swift-tools-version: 6.2
// Everything: what the lab's server needs and what a Pi needs.
// A Pi's own Swift is older and takes Package@swift-6.0.swift beside this file; keep the shared targets alike in both.
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let tomlKit: Target.Dependency = .product(name: "TOMLKit", package: "TOMLKit")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let structuredFields: Target.Dependency = .product(
    name: "RawStructuredFieldValues", package: "swift-http-structured-headers")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")

let package = Package(
    name: "secure-upload",
    products: [
        .executable(name: "provision", targets: ["Provision"]),
        .executable(name: "secure-receiver", targets: ["SecureReceiver"]),
        .executable(name: "secure-sender", targets: ["SecureSender"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-structured-headers", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Of version 0: the next minor one may break it.
        .package(url: "https://github.com/LebJe/TOMLKit", .upToNextMinor(from: "0.6.0")),
    ],
    targets: [
        // The system's OpenSSL, with shims for what the importer cannot see.
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        // Linux system calls that the Glibc module hides.
        .systemLibrary(name: "CLinux"),
        // The only Swift that touches OpenSSL: hashes, keys, certificates, TLS.
        .target(name: "OpenSSL", dependencies: ["COpenSSL"], swiftSettings: strict),
        // Files written whole or not at all, and errors that name the path.
        .target(name: "Files", swiftSettings: strict),
        // RFC 9421 signatures and RFC 9530 digests; knows nothing of this project.
        .target(name: "MessageSignatures", dependencies: ["OpenSSL"], swiftSettings: strict),
        // What both ends agree on: names, secrets, certificate profile, paths, receipts, problem codes.
        .target(name: "UploadProtocol", dependencies: ["MessageSignatures", "OpenSSL"], swiftSettings: strict),
        // Makes the lab's certificates.
        .target(name: "CertificateAuthority", dependencies: ["OpenSSL", "UploadProtocol"], swiftSettings: strict),
        // What the three commands say in the same way: failures, hints, exit codes.
        .target(name: "CommandSupport", dependencies: ["Files", argumentParser], swiftSettings: strict),
        // `provision`: makes identities.
        .executableTarget(
            name: "Provision",
            dependencies: [
                "CLinux", "CertificateAuthority", "CommandSupport", "Files", "OpenSSL", "UploadProtocol",
                argumentParser,
            ],
            swiftSettings: strict),
        // `secure-sender`: brings a directory's files to the receiver.
        .executableTarget(
            name: "SecureSender",
            dependencies: [
                "CLinux", "CommandSupport", "Files", "MessageSignatures", "OpenSSL", "UploadProtocol", argumentParser,
                tomlKit,
            ],
            swiftSettings: strict),
        // Stores uploads durably, with their receipts and earlier versions; knows nothing of the network.
        .target(
            name: "UploadStore", dependencies: ["CLinux", "Files", "OpenSSL", "UploadProtocol"], swiftSettings: strict),
        // TLS for SwiftNIO on the system's OpenSSL.
        .target(name: "NIOOpenSSL", dependencies: ["OpenSSL", nioCore], swiftSettings: strict),
        // `secure-receiver`: decides about each request and serves the store.
        .executableTarget(
            name: "SecureReceiver",
            dependencies: [
                "CommandSupport", "Files", "MessageSignatures", "NIOOpenSSL", "OpenSSL", "UploadProtocol",
                "UploadStore",
                argumentParser, httpTypes, logging, nioCore, nioHTTP1, nioPosix, serviceLifecycle, structuredFields,
                unixSignals,
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
            name: "SecureReceiverTests",
            dependencies: [
                "CertificateAuthority", "CommandSupport", "MessageSignatures", "OpenSSL", "SecureReceiver",
                "TestSupport",
                "UploadProtocol",
                argumentParser, logging, nioCore, nioEmbedded, nioHTTP1, nioPosix, serviceLifecycle,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "UploadStoreTests",
            dependencies: ["Files", "OpenSSL", "TestSupport", "UploadProtocol", "UploadStore"],
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
