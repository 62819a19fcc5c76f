# Lambda's runtime and the wrappers of storage and nosql are linked with it.
FROM tools AS curl
RUN fetch https://curl.se/download/curl-8.8.0.tar.xz curl.tar.xz \
      0f58bb95fc330c8a46eeb3df5701b0d90c9d9bfcc42bd1cd08791d12551d4400 \
    && tar xf curl.tar.xz && cd curl-8.8.0 \
    && ./configure --prefix=/opt --libdir=/opt/lib64 --with-openssl --disable-static --disable-ldap --without-libpsl \
      --without-brotli --without-zstd --without-nghttp2 --without-libidn2 --disable-manual --disable-docs \
    && make -j"$(nproc)" install-strip
