import CLinux
import OpenSSL
import UploadProtocol

extension TLSConfiguration {
    /// How `identity` meets the receiver, whatever its address is.
    static func sender(_ identity: PiIdentity, certificateTime: VerificationTime) -> TLSConfiguration {
        var configuration = TLSConfiguration(
            role: .client, certificateChain: identity.certificateChain, privateKey: identity.privateKey,
            trustRoots: identity.trustRoots
        ) { chain in
            do throws(ProfileViolation) {
                try LeafProfile.checkReceiver(chain)
                return .accept
            } catch {
                return .refuse("\(error)")
            }
        }
        configuration.verificationTime = certificateTime
        // Without such instructions AES-GCM is ten times slower than ChaCha20-Poly1305.
        configuration.prefersChaCha20 = linux_processor_has_aes() == 0
        return configuration
    }
}
