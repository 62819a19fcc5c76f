FROM tools AS runtime
COPY --from=curl /opt/ /opt/
RUN fetch https://github.com/awslabs/aws-lambda-cpp/archive/refs/tags/v0.2.8.tar.gz runtime.tar.gz \
      a236516331804a0a6e2ef2273042a583e55a135bb6478308829c51e7c425acdb \
    && tar xf runtime.tar.gz && cd aws-lambda-cpp-0.2.8 \
    && sed -i '/"-Werror"/d' CMakeLists.txt \
    && cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/opt \
    && cmake --build build --parallel "$(nproc)" && cmake --install build
