# One of this release's const members is assigned to, which newer compilers refuse.
FROM tools AS rapidjson
RUN fetch https://github.com/Tencent/rapidjson/archive/v1.1.0.tar.gz rapidjson.tar.gz \
      bf7ced29704a1e696fbccf2a2b4ea068e7774fa37f6d7dd4039d0787f8bed98e \
    && tar xf rapidjson.tar.gz && mkdir -p /opt/include && mv rapidjson-1.1.0/include/rapidjson /opt/include/ \
    && sed -i 's/const SizeType length;/SizeType length;/' /opt/include/rapidjson/document.h
