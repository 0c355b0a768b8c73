// SPDX-License-Identifier: Apache-2.0
// Encrypted, and with certificates made here.
#include <httplib.h>
#include <sys/stat.h>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "sink/serving.hpp"

namespace nstrail::test {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

struct Identity {
    Key key{EVP_EC_gen("P-256"), EVP_PKEY_free};
    Certificate certificate{X509_new(), X509_free};
};

/// Valid from an hour ago until `seconds` from now, signed by `by`, or by itself.
Identity make_identity(const std::string& name, const Identity* by, long seconds) {
    Identity made;
    X509* x = made.certificate.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 4711);
    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), seconds);
    X509_set_pubkey(x, made.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(
        x, by == nullptr ? X509_get_subject_name(x) : X509_get_subject_name(by->certificate.get()));
    if (by == nullptr) {
        X509_EXTENSION* ca =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(x, ca, -1);
        X509_EXTENSION_free(ca);
    }
    X509_sign(x, by == nullptr ? made.key.get() : by->key.get(), EVP_sha256());
    return made;
}

class WebTls : public testing::Test {
protected:
    void SetUp() override {
        std::filesystem::create_directories(dir_);
        write("ca", ca_);
        write("server", make_identity("localhost", &ca_, 3600));
        write("client", make_identity("client", &ca_, 3600));
        write("expired", make_identity("expired", &ca_, -3600));
        write("other-ca", other_ca_);
        write("stranger", make_identity("stranger", &other_ca_, 3600));
        write("other-key", other_ca_);
        options_.tls_certificate = crt("server");
        options_.tls_key = key("server");
    }
    void TearDown() override { std::filesystem::remove_all(dir_); }

    void write(const std::string& name, const Identity& identity) const {
        const auto file = [](const std::string& path) {
            return std::unique_ptr<FILE, int (*)(FILE*)>(fopen(path.c_str(), "w"), fclose);
        };
        PEM_write_X509(file(crt(name)).get(), identity.certificate.get());
        PEM_write_PrivateKey(file(key(name)).get(), identity.key.get(), nullptr, nullptr, 0,
                             nullptr, nullptr);
        chmod(key(name).c_str(), 0600);
    }
    [[nodiscard]] std::string crt(const std::string& name) const { return dir_ + "/" + name; }
    [[nodiscard]] std::string key(const std::string& name) const {
        return dir_ + "/" + name + ".key";
    }
    /// Status of an answer; 0 = there was none. `as`: with whose certificate; empty = none.
    [[nodiscard]] int ask(const Serving& serving, const std::string& ca = "ca",
                          const std::string& as = {}) const {
        httplib::SSLClient client("localhost", serving.port(), as.empty() ? "" : crt(as),
                                  as.empty() ? "" : key(as));
        client.set_ca_cert_path(crt(ca));
        client.enable_server_certificate_verification(true);
        const auto answer = client.Get("/healthz");
        return answer ? answer->status : 0;
    }
    /// Whether a server of that version at most is spoken to.
    [[nodiscard]] static bool speaks(int port, int version) {
        const Raw raw(port);
        std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
        SSL_CTX_set_security_level(context.get(), 0);
        SSL_CTX_set_min_proto_version(context.get(), version);
        SSL_CTX_set_max_proto_version(context.get(), version);
        std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
        SSL_set_fd(ssl.get(), raw.socket());
        return SSL_connect(ssl.get()) == 1;
    }
    [[nodiscard]] std::string refusal() const {
        ViewBoard board;
        EventFeed feed;
        LiveWeb source(board, feed);
        WebOptions options = options_;
        options.port = 0;
        const auto started = WebServer::start(options, source);
        return started ? "it started" : started.error().line();
    }

    std::string dir_ = testing::TempDir() + "tls-" + std::to_string(getpid());
    Identity ca_ = make_identity("authority", nullptr, 3600);
    Identity other_ca_ = make_identity("another authority", nullptr, 3600);
    WebOptions options_;
};

TEST_F(WebTls, ServesWhoeverTrustsIt) {
    const Serving serving(options_);
    EXPECT_TRUE(serving.address().starts_with("https://"));
    EXPECT_EQ(ask(serving), 200);
    EXPECT_EQ(ask(serving, "other-ca"), 0);
}

TEST_F(WebTls, SpeaksNoOldVersion) {
    const Serving serving(options_);
    EXPECT_TRUE(speaks(serving.port(), TLS1_3_VERSION));
    EXPECT_TRUE(speaks(serving.port(), TLS1_2_VERSION));
    EXPECT_FALSE(speaks(serving.port(), TLS1_1_VERSION));
    EXPECT_FALSE(speaks(serving.port(), TLS1_VERSION));
}

TEST_F(WebTls, SaysSoWhereSomebodySpeaksPlainly) {
    const Serving serving(options_);
    const std::string answer =
        answer_to(serving.port(), "GET /healthz HTTP/1.1\r\nHost: localhost");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_NE(answer.find("this port speaks TLS: use https://"), answer.npos) << answer;
    Raw noise(serving.port());
    noise.say("\x16\x03\x01nothing that anybody understands");
    EXPECT_EQ(noise.hear().find("HTTP"), std::string::npos);
    EXPECT_EQ(ask(serving), 200);
}

TEST_F(WebTls, LetsInOnlyClientsOfItsAuthority) {
    options_.tls_client_ca = crt("ca");
    const Serving serving(options_);
    EXPECT_EQ(ask(serving, "ca", "client"), 200);
    EXPECT_EQ(ask(serving, "ca", "expired"), 0);
    EXPECT_EQ(ask(serving, "ca", "stranger"), 0);
    EXPECT_EQ(ask(serving), 0);
}

TEST_F(WebTls, WhatCannotBeUsedIsOneClearLine) {
    EXPECT_EQ(refusal(), "it started");
    options_.tls_key = key("ca");
    EXPECT_NE(refusal().find("key values mismatch"), std::string::npos) << refusal();
    options_.tls_key = dir_ + "/nowhere";
    EXPECT_NE(refusal().find("No such file"), std::string::npos) << refusal();
    options_.tls_key = key("server");
    chmod(options_.tls_key.c_str(), 0644);
    EXPECT_NE(refusal().find("others may read it"), std::string::npos) << refusal();
    chmod(options_.tls_key.c_str(), 0600);
    options_.tls_certificate = key("server");
    EXPECT_NE(refusal().find("read the certificate"), std::string::npos) << refusal();
    options_.tls_certificate.clear();
    EXPECT_NE(refusal().find("--tls-cert FILE and --tls-key FILE"), std::string::npos);
    options_.tls_key.clear();
    options_.tls_client_ca = crt("ca");
    EXPECT_NE(refusal().find("--tls-cert FILE and --tls-key FILE"), std::string::npos);
}

TEST_F(WebTls, BeyondLoopbackBothAreDemanded) {
    options_.address = "0.0.0.0";
    EXPECT_NE(refusal().find("give --token-file FILE or --tls-client-ca FILE"), std::string::npos);
    options_.tls_client_ca = crt("ca");
    EXPECT_EQ(refusal(), "it started");
    options_.tls_client_ca.clear();
    std::ofstream(dir_ + "/token") << "correct-horse\n";
    chmod((dir_ + "/token").c_str(), 0600);
    options_.token_file = dir_ + "/token";
    EXPECT_EQ(refusal(), "it started");
    options_.tls_certificate.clear();
    options_.tls_key.clear();
    EXPECT_NE(refusal().find("this is beyond loopback"), std::string::npos);
    options_.insecure = true;
    EXPECT_EQ(refusal(), "it started");
}

}  // namespace
}  // namespace nstrail::test
