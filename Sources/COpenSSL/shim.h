// OpenSSL for Swift: the headers, and what the importer cannot see by itself.
// Function-like macros, variadics and casts of constants need a function; the reason stands at each.
// A system library target holds no .c file, so all are `static inline`.
#pragma once

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "OpenSSL 3.0 or newer is needed (Debian: apt install libssl-dev)"
#endif

// Function-like macros around SSL_CTX_ctrl, SSL_ctrl and BIO_ctrl.

static inline int shim_SSL_CTX_set_tls13_only(SSL_CTX *ctx) {
    return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) && SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
}

static inline int shim_SSL_CTX_set1_groups_list(SSL_CTX *ctx, const char *list) {
    return (int)SSL_CTX_set1_groups_list(ctx, list);
}

static inline int shim_SSL_CTX_add1_chain_cert(SSL_CTX *ctx, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(ctx, certificate);
}

static inline void shim_SSL_CTX_disable_session_cache(SSL_CTX *ctx) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

static inline int shim_SSL_set_tlsext_host_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline size_t shim_BIO_pending(BIO *bio) {
    return BIO_ctrl_pending(bio);
}

static inline void shim_BIO_set_empty_is_retry(BIO *bio) {
    BIO_set_mem_eof_return(bio, -1);
}

// SSL_OP_* are unsigned casts and SSL_MODE_* go through a macro.
static inline void shim_SSL_CTX_set_safe_options(SSL_CTX *ctx) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Idle connections give their 34 KiB of record buffers back; writes may be retried from another address.
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

// sk_* are macros over type-checked casts.

static inline int shim_sk_GENERAL_NAME_num(const GENERAL_NAMES *names) {
    return sk_GENERAL_NAME_num(names);
}

// The union inside GENERAL_NAME is anonymous to Swift: hands out the bytes of a URI or a DNS name, or null for others.
static inline const ASN1_IA5STRING *shim_GENERAL_NAME_text(const GENERAL_NAMES *names, int index, int *type) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    *type = name->type;
    return name->type == GEN_URI || name->type == GEN_DNS ? name->d.ia5 : NULL;
}

// The same for the 4 or 16 bytes of an address; null for other names.
static inline const ASN1_OCTET_STRING *shim_GENERAL_NAME_address(const GENERAL_NAMES *names, int index) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    return name->type == GEN_IPADD ? name->d.iPAddress : NULL;
}

static inline int shim_sk_ASN1_OBJECT_num(const EXTENDED_KEY_USAGE *usages) {
    return sk_ASN1_OBJECT_num(usages);
}

static inline int shim_EXTENDED_KEY_USAGE_nid(const EXTENDED_KEY_USAGE *usages, int index) {
    return OBJ_obj2nid(sk_ASN1_OBJECT_value(usages, index));
}

// EVP_EC_gen is a macro over the variadic EVP_PKEY_Q_keygen.
static inline EVP_PKEY *shim_generate_P256(void) {
    return EVP_EC_gen("P-256");
}

// X509V3_set_ctx is partly a macro (X509V3_set_ctx_nodb), and the context lives on the C stack.
static inline X509_EXTENSION *shim_X509_extension(X509 *issuer, X509 *subject, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, subject, NULL, NULL, 0);
    return X509V3_EXT_conf_nid(NULL, &context, nid, value);
}

// OPENSSL_free is a macro that adds file and line.
static inline void shim_OPENSSL_free(void *pointer) {
    OPENSSL_free(pointer);
}

// Newer than OpenSSL 3.0 (Debian 12); 3.5 (Debian 13) negotiates the post-quantum hybrid.
static inline const char *shim_preferred_groups(void) {
#if OPENSSL_VERSION_NUMBER >= 0x30500000L
    return "X25519MLKEM768:X25519:P-256:P-384";
#else
    return "X25519:P-256:P-384";
#endif
}

static inline int shim_sk_X509_num(const STACK_OF(X509) *certificates) {
    return certificates ? sk_X509_num(certificates) : 0;
}

static inline X509 *shim_sk_X509_value(const STACK_OF(X509) *certificates, int index) {
    return sk_X509_value(certificates, index);
}
