FROM tools AS hiredis
RUN fetch https://github.com/redis/hiredis/archive/v1.0.2.tar.gz hiredis.tar.gz \
      e0ab696e2f07deb4252dda45b703d09854e53b9703c7d52182ce5a22616c3819 \
    && tar xf hiredis.tar.gz && cd hiredis-1.0.2 \
    && cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/opt -DCMAKE_INSTALL_LIBDIR=lib64 \
      -DDISABLE_TESTS=ON \
    && cmake --build build --parallel "$(nproc)" && cmake --install build --strip
